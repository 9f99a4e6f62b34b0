//! An experiment file for a CSV of events.

use std::fmt::Write as _;

use u2i::models::TwoTowerConfig as _;
use u2i_onboarding::{InitOptions, ModelChoice, init};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut events = "customer,article,bought_at\n".to_owned();
    for event in 0..60 {
        let (user, item) = (event % 6, (event * 7) % 15);
        writeln!(events, "user {user},item {item},{}", 1_000_000_000 + 3600 * event)?;
    }
    let folder = std::env::temp_dir().join(format!("u2i-onboarding-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("events.csv");
    std::fs::write(&path, events)?;

    let out = folder.join("experiment.toml");
    let made = init(&InitOptions::new(vec![path], out, ModelChoice::YoutubeDnn, 1_600_000_000));
    std::fs::remove_dir_all(&folder)?;
    let made = made?;
    assert_eq!(made.experiment.model.name(), "youtube_dnn");
    assert!(
        made.text.contains("user = \"customer\"") && made.text.contains("time = { column = \"bought_at\"")
    );
    Ok(())
}

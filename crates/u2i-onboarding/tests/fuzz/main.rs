//! Mutated files against what makes a config from them: no input may end in a panic.

#[path = "../../../u2i-features/tests/fuzz/harness.rs"]
mod harness;

use std::fs;

use u2i::ErrorKind;
use u2i::config::Experiment;
use u2i_onboarding::{InitOptions, ModelChoice, init};

use harness::{folder, fuzz, word};

/// A config is made or refused, and one that is made loads.
#[test]
fn files_that_a_config_is_made_from() {
    let folder = folder("init");
    let path = folder.join("events.csv");
    let out = folder.join("own.toml");
    let data = vec![path.clone()];
    let options = InitOptions::new(data, out.clone(), ModelChoice::YoutubeDnn, 1_600_000_000);
    let tokens: [&[u8]; 8] = [
        b",",
        b";",
        b"\t",
        b"\"",
        b"user,item,time\n",
        b"2000-12-31",
        b"978300760000",
        b"a:token\tb:float\n",
    ];
    fuzz("init", vec![], &tokens, 600, &mut |input| {
        fs::write(&path, input).unwrap();
        match init(&options) {
            Ok(made) => {
                assert_eq!(Experiment::parse(&made.text, &out).unwrap(), made.experiment);
                "made".into()
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Usage | ErrorKind::Data), "{error}");
                word(&error)
            }
        }
    });
}

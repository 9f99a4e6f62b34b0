//! Three users, four films: a bundle is served, a film is watched, and the next answer knows.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use burn::tensor::Device;
use u2i_bundle::{Contents, IndexPlan, Seen};
use u2i_index::ItemVectors;
use u2i_models::{
    FmConfig, HistoryInput, Init, Inputs, ItemBatch, ModelConfig, PooledHistoryConfig, PoolingConfig,
    TwoTower as _, TwoTowerConfig as _, weights,
};
use u2i_schema::{Catalog, EventStore, ItemRows, Users};
use u2i_serve::{ServeOptions, Service, Shutdown};

/// What training leaves, as in the example of `u2i-bundle`.
fn write_bundle(folder: &Path, device: &Device) -> Result<(), Box<dyn Error>> {
    let ids = ["heat", "jaws", "alien", "up"].map(String::from).to_vec();
    let catalog = Catalog::new(ids, vec![None; 4], vec![0, 3, 2, 1, 1], vec![]);
    let users = Users::new(["ann", "bob", "cy"].map(String::from).to_vec(), vec![]);
    let events = EventStore::new(vec![0, 3, 5, 7], vec![1, 2, 3, 1, 4, 1, 2], (0..7).collect(), vec![])?;
    let history = Some(HistoryInput { length: 2, shares_item_id: false, gap_edges_s: vec![] });
    let pooling = PooledHistoryConfig { pooling: PoolingConfig::Mean {}, dropout: 0.0 };
    let config = ModelConfig::Fm(FmConfig { dim: 4, init_sd: 0.5, linear_sd: 0.1, history: Some(pooling) });
    let inputs = Inputs { n_ids: 4, user: vec![], request: vec![], item: vec![], history: history.clone() };
    let model = config.init(&inputs, &mut Init::new(1, device))?;
    let vectors = model.encode_items(&ItemBatch::new(&ItemRows::all(&catalog), None, device));
    let vectors = vectors.into_data().try_into_vec().expect("vectors are f32");
    u2i_bundle::write(
        folder,
        &Contents {
            model: &config,
            weights: &weights(&model),
            columns: &[],
            history,
            catalog: &catalog,
            item_attributes: &[],
            users: &users,
            events: &events,
            sequences: &[],
            item_vectors: &ItemVectors::new(vec![1, 2, 3, 4], 5, vectors)?,
            index: IndexPlan::Exact,
            seen: Seen::Excluded,
            data: Default::default(),
            provenance: Default::default(),
            metrics: Default::default(),
        },
    )?;
    Ok(())
}

/// What any client of HTTP does; here the standard library is enough.
fn ask(addr: SocketAddr, method: &str, path: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(addr)?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n")?;
    write!(stream, "content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    Ok(answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let folder = std::env::temp_dir().join(format!("u2i-serve-alone-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    write_bundle(&folder.join("bundle"), &device)?;

    let mut options = ServeOptions::new(folder.join("bundle"));
    // Any port, so that the example runs beside others.
    options.addr = SocketAddr::from(([127, 0, 0, 1], 0));
    options.events = Some(folder.join("events.sqlite").display().to_string());
    let service = Service::start(&options, &device)?;
    let (addr, stop) = (service.addr(), service.stop());
    let running = std::thread::spawn(|| service.run());

    // Ann has seen all but one.
    let answer = ask(addr, "POST", "/v1/recommend", r#"{"user": "ann"}"#)?;
    assert!(
        answer.contains(r#""strategy":"model""#) && answer.contains(r#""items":[{"id":"up","#),
        "{answer}"
    );
    // Dan is new, and then is not: what he watched is known and not recommended again.
    let answer = ask(addr, "GET", "/v1/users/dan/recommendations?k=4", "")?;
    assert!(answer.contains(r#""strategy":"popular""#) && answer.contains(r#""id":"jaws""#), "{answer}");
    let taken = ask(addr, "POST", "/v1/events", r#"{"event_id": "1", "user": "dan", "item": "jaws"}"#)?;
    assert_eq!(taken, r#"{"accepted":1,"duplicates":0}"#);
    let answer = ask(addr, "GET", "/v1/users/dan/recommendations?k=4", "")?;
    assert!(answer.contains(r#""strategy":"model""#) && answer.contains(r#""n_live_events":1"#), "{answer}");
    assert!(!answer.contains(r#""id":"jaws""#), "{answer}");

    stop.stop();
    assert_eq!(running.join().expect("the service does not panic"), Shutdown::Drained);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

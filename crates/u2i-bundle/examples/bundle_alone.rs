//! Three users, four films: a bundle is written, read again, and asked.

use burn::tensor::Device;
use u2i_bundle::{
    Attribute, AttributeValues, BundleError, Contents, IndexPlan, Options, Recommender, Request, Seen,
};
use u2i_index::ItemVectors;
use u2i_models::{
    FmConfig, HistoryInput, Init, Inputs, ItemBatch, ModelConfig, PooledHistoryConfig, PoolingConfig,
    TwoTowerConfig as _,
};
use u2i_models::{TwoTower as _, weights};
use u2i_schema::{Catalog, EventStore, ItemRows, Users};

fn main() -> Result<(), BundleError> {
    // What training leaves: a model, the items, the users and what they did.
    let ids = ["heat", "jaws", "alien", "up"].map(String::from).to_vec();
    let catalog = Catalog::new(ids, vec![None; 4], vec![0, 3, 2, 1, 1], vec![]);
    let users = Users::new(["ann", "bob", "cy"].map(String::from).to_vec(), vec![]);
    let events = EventStore::new(vec![0, 3, 5, 7], vec![1, 2, 3, 1, 4, 1, 2], (0..7).collect(), vec![])
        .expect("offsets ascend to the number of events");
    let history = Some(HistoryInput { length: 2, shares_item_id: false, gap_edges_s: vec![] });
    let pooling = PooledHistoryConfig { pooling: PoolingConfig::Mean {}, dropout: 0.0 };
    let config = ModelConfig::Fm(FmConfig { dim: 4, init_sd: 0.5, linear_sd: 0.1, history: Some(pooling) });
    let inputs = Inputs { n_ids: 4, user: vec![], request: vec![], item: vec![], history: history.clone() };
    let device = Device::flex();
    let model = config.init(&inputs, &mut Init::new(1, &device))?;
    let vectors = model.encode_items(&ItemBatch::new(&ItemRows::all(&catalog), None, &device));
    let vectors = vectors.into_data().try_into_vec().expect("vectors are f32");
    let years = Attribute {
        name: "year".into(),
        values: AttributeValues::Number(vec![1995.0, 1975.0, 1979.0, 2009.0]),
    };

    let dir = std::env::temp_dir().join(format!("u2i-bundle-alone-{}", std::process::id()));
    let written = u2i_bundle::write(
        &dir,
        &Contents {
            model: &config,
            weights: &weights(&model),
            columns: &[],
            history,
            catalog: &catalog,
            item_attributes: &[years],
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

    // Anywhere else:
    let recommender = Recommender::open(&dir, &device)?;
    assert_eq!(recommender.manifest(), &written);
    let request = |user: &str, history: &[&str]| Request {
        user: Some(user.into()),
        history: (!history.is_empty()).then(|| history.iter().map(|id| id.to_string()).collect()),
        ..Request::default()
    };
    let mut options = Options::top(10.try_into().expect("10 is not 0"));
    // Ann has seen all but one; a stranger's film is known, or nothing is.
    let asked = [request("ann", &[]), request("dan", &["jaws", "jaws 2"]), request("dan", &[])];
    let answers = recommender.recommend(&asked, &options)?;
    assert_eq!(answers[0].items.iter().map(|item| item.item_id).collect::<Vec<_>>(), ["up"]);
    assert_eq!((answers[1].items.len(), &answers[1].unknown_items[..]), (3, &["jaws 2".to_owned()][..]));
    assert_eq!(answers[2].items[0].item_id, "heat"); // the most popular
    options.only = Some("year < 1990".parse()?);
    let answers = recommender.recommend(&asked[1..2], &options)?;
    assert_eq!(answers[0].items.iter().map(|item| item.item_id).collect::<Vec<_>>(), ["alien"]);

    std::fs::remove_dir_all(&dir).expect("the bundle was there");
    Ok(())
}

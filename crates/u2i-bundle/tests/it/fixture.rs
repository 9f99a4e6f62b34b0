//! A small catalog with every kind of column, and untrained models over it.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use u2i_bundle::{
    Attribute, AttributeValues, BundleColumn, BundleError, Contents, IndexPlan, Manifest, Options,
    Recommender, Request, Seen,
};
use u2i_index::ItemVectors;
use u2i_models::burn;
use u2i_models::{
    ActivationKind, AnyModel, DssmConfig, FmConfig, HistoryInput, HostTensor, Init, Inputs, ItemBatch,
    ItemTowerConfig, MlpConfig, ModelConfig, NormKind, Normalization, OutputKind, PooledHistoryConfig,
    PoolingConfig, TwoTower as _, TwoTowerConfig as _, UserTowerConfig, YoutubeDnnConfig, weights,
    with_weights,
};
use u2i_random::{Purpose, Stream};
use u2i_schema::{
    Catalog, Column, ColumnData, EventStore, ItemRows, Raw, Side, SideEvents, Transform, Users, Vocabulary,
    Wave, hour,
};

pub fn device() -> Device {
    Device::flex()
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Fm,
    Dssm,
    YoutubeDnn,
    /// A YouTubeDNN that weighs events by what and how long ago they were, and items by their columns, too, with a row for
    /// unknown ones and a cyclic column.
    Attentive,
    /// An FM that knows users by their columns alone.
    WithoutHistory,
    /// A YouTubeDNN of the size of trained ones, whose searches are weighed by what they are.
    Wide,
    /// A DSSM of that size, with the layers of the book's, whose searches are weighed by their lag.
    Book,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Fm,
        Kind::Dssm,
        Kind::YoutubeDnn,
        Kind::Attentive,
        Kind::WithoutHistory,
        Kind::Wide,
        Kind::Book,
    ];

    fn has_searches(self) -> bool {
        matches!(self, Kind::Attentive | Kind::Wide | Kind::Book)
    }

    fn dim(self) -> usize {
        if matches!(self, Kind::Wide | Kind::Book) { 64 } else { DIM }
    }
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub users: usize,
    pub trained: usize,
    pub cold: usize,
}

pub const SMALL: Size = Size { users: 30, trained: 40, cold: 6 };
pub const DIM: usize = 6;
/// Events that the models look back on.
pub const HISTORY: usize = 4;

pub struct Fixture {
    pub config: ModelConfig,
    pub model: AnyModel,
    pub weights: BTreeMap<String, HostTensor>,
    pub columns: Vec<BundleColumn>,
    pub history: Option<HistoryInput>,
    pub catalog: Catalog,
    pub attributes: Vec<Attribute>,
    pub users: Users,
    pub events: EventStore,
    pub sequences: Vec<SideEvents>,
    pub vectors: ItemVectors,
}

fn column(name: &str, side: Side, source: &str, transform: Transform) -> BundleColumn {
    BundleColumn { column: Column { name: name.into(), side, transform }, source: source.into() }
}

pub fn columns() -> Vec<BundleColumn> {
    let edges = vec![18.0, 35.0, 50.1];
    let words = Vocabulary::new(["books", "films", "games"]);
    vec![
        column("gender", Side::User, "gender", Transform::Categorical(Vocabulary::new(["F", "M"]))),
        column("age", Side::User, "age", Transform::Bucketized { edges }),
        column("likes", Side::User, "interests", Transform::MultiCategorical(words)),
        column("income", Side::User, "income", Transform::Standardized { mean: 1.1, sd: 0.3 }),
        column("genres", Side::Item, "genres", Transform::MultiCategorical(Vocabulary::new(GENRES))),
        column("hour", Side::Request, "hour", Transform::Bucketized { edges: vec![6.0, 12.0, 18.0] }),
        column("device", Side::Request, "device", Transform::Hashed { buckets: 5 }),
    ]
}

pub const GENRES: [&str; 4] = ["Comedy", "Drama", "Film-Noir", "War"];

fn mlp(kind: Kind) -> MlpConfig {
    let book = NormKind::Batch { momentum: 0.1, epsilon: 1e-3 };
    MlpConfig {
        layers: if kind.dim() == DIM { vec![8, DIM] } else { vec![100, 64] },
        activation: if kind == Kind::Book { ActivationKind::Tanh } else { ActivationKind::Gelu },
        norm: if kind == Kind::Book { book } else { NormKind::Layer },
        output: if kind == Kind::Book { OutputKind::Activated } else { OutputKind::Linear },
        dropout: 0.1,
    }
}

fn config(kind: Kind) -> ModelConfig {
    let slopes = vec![0.1, 1.0];
    let pooling = match kind {
        Kind::Attentive => PoolingConfig::Attention { slopes: slopes.clone() },
        _ => PoolingConfig::Recency { slopes: slopes.clone() },
    };
    let of_searches = match kind {
        Kind::Wide => Some(PoolingConfig::Attention { slopes }),
        Kind::Book => Some(PoolingConfig::Recency { slopes }),
        _ => None,
    };
    let history = || PooledHistoryConfig { pooling: pooling.clone(), dropout: 0.2 };
    let dim = kind.dim();
    let user = UserTowerConfig {
        column_dim: if dim == DIM { 3 } else { 16 },
        history: Some(history()),
        sequences: of_searches.map(|pooling| ("searches".to_owned(), pooling)).into_iter().collect(),
        history_size: true,
        example_age: true,
        skip: true,
        mlp: mlp(kind),
    };
    let normalization = Normalization::L2;
    let fm = |history| ModelConfig::Fm(FmConfig { dim: DIM - 1, init_sd: 0.5, linear_sd: 0.1, history });
    match kind {
        Kind::Fm => fm(Some(history())),
        Kind::WithoutHistory => fm(None),
        Kind::Dssm | Kind::Book => ModelConfig::Dssm(DssmConfig {
            embedding_dim: dim,
            init_sd: 0.5,
            normalization,
            user,
            item: ItemTowerConfig { column_dim: 3, residual: true, mlp: mlp(kind) },
        }),
        Kind::YoutubeDnn | Kind::Attentive | Kind::Wide => ModelConfig::YoutubeDnn(YoutubeDnnConfig {
            dim,
            init_sd: 0.5,
            normalization,
            item_attributes: kind == Kind::Attentive,
            user,
        }),
    }
}

impl Fixture {
    pub fn new(kind: Kind, size: Size, seed: u64) -> Self {
        let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
        let mut columns = columns();
        if kind.has_searches() {
            let wave = |wave| Transform::Cyclic { period: 24.0, wave };
            let vocabulary = Vocabulary::new(["drama", "war"]);
            let transform = Transform::Sequence { vocabulary, length: 3 };
            columns.push(column("searches", Side::Request, "searched", transform));
            columns.push(column("day_sin", Side::Request, "hour", wave(Wave::Sine)));
            columns.push(column("day_cos", Side::Request, "hour", wave(Wave::Cosine)));
        }
        let n_items = size.trained + size.cold;
        let genres: Vec<Vec<String>> = (0..n_items)
            .map(|_| GENRES.iter().filter(|_| rng.index(3) == 0).map(|genre| genre.to_string()).collect())
            .collect();
        let encode = |name: &str, raw: Vec<Raw<'_>>| {
            let column = columns.iter().find(|own| own.column.name == name).expect("it is one of ours");
            column.column.encode(raw).expect("values fit their column")
        };
        let ids = (0..n_items).map(|i| format!("film {i}")).collect();
        let titles = (0..n_items).map(|i| (i % 5 > 0).then(|| format!("Title {i} ({})", 1950 + i))).collect();
        let counts =
            (0..=n_items).map(|i| if (1..=size.trained).contains(&i) { 1 + rng.index(90) as u32 } else { 0 });
        let of_items = encode("genres", genres.iter().map(|list| Raw::List(list)).collect());
        let catalog = Catalog::new(ids, titles, counts.collect(), vec![of_items]);
        let catalog = if kind == Kind::Attentive { catalog.with_unknown_row() } else { catalog };
        let attribute = |name: &str, values| Attribute { name: name.into(), values };
        let years = (0..n_items).map(|i| if i % 7 == 0 { f64::NAN } else { 1950.0 + i as f64 }).collect();
        let countries = (0..n_items).map(|i| (i % 3 > 0).then(|| ["US", "UK"][i % 2].to_owned())).collect();
        let attributes = vec![
            attribute("genres", AttributeValues::List(genres)),
            attribute("year", AttributeValues::Number(years)),
            attribute("title", AttributeValues::Text(countries)),
        ];

        let n = size.users;
        let ages: Vec<f64> = (0..n).map(|_| 10.0 + rng.index(60) as f64).collect();
        let interests: Vec<Vec<String>> = (0..n)
            .map(|i| ["books", "games", "chess"][..i % 4].iter().map(|s| s.to_string()).collect())
            .collect();
        let of_users = vec![
            encode("gender", (0..n).map(|i| [Raw::Missing, Raw::Text("F"), Raw::Text("M")][i % 3]).collect()),
            encode("age", ages.iter().map(|&age| Raw::Number(age)).collect()),
            encode("likes", interests.iter().map(|list| Raw::List(list)).collect()),
            encode("income", ages.iter().map(|&age| Raw::Number(age / 50.0)).collect()),
        ];
        let users = Users::new((0..n).map(|i| format!("user {i}")).collect(), of_users);
        let (mut offsets, mut items, mut times) = (vec![0], Vec::new(), Vec::new());
        for user in 0..n {
            // The first user has no event.
            for event in 0..if user == 0 { 0 } else { 2 + rng.index(12) } {
                items.push(1 + rng.index(n_items) as u32);
                times.push((10_000 * event + 1_000 * user) as i64 + rng.index(900) as i64);
            }
            offsets.push(items.len() as u64);
        }
        let hours: Vec<f64> = times.iter().map(|&time_s| hour(time_s) as f64).collect();
        let mut request = vec![
            encode("hour", hours.iter().map(|&hour| Raw::Number(hour)).collect()),
            encode("device", times.iter().map(|time| device_at(*time)).collect()),
        ];
        let mut sequences = Vec::new();
        if kind.has_searches() {
            let (side, windows) = searches(&offsets, &times, &mut rng);
            request.push(windows);
            sequences.push(side);
            for name in ["day_sin", "day_cos"] {
                request.push(encode(name, hours.iter().map(|&hour| Raw::Number(hour)).collect()));
            }
        }
        let events = EventStore::new(offsets, items, times, request).expect("events are whole");

        let config = config(kind);
        let history = (kind != Kind::WithoutHistory).then_some(HistoryInput {
            length: HISTORY,
            shares_item_id: false,
            gap_edges_s: if kind == Kind::Attentive { vec![5_000, 20_000] } else { vec![] },
        });
        let of_side = |side| columns.iter().map(|own| own.column.clone()).filter(move |c| c.side == side);
        let inputs = Inputs {
            n_ids: catalog.n_id_rows(),
            user: of_side(Side::User).collect(),
            request: of_side(Side::Request).collect(),
            item: of_side(Side::Item).collect(),
            history: history.clone(),
        };
        let model = config.init(&inputs, &mut Init::new(seed, &device())).expect("the config makes a model");
        let mut drawn = weights(&model);
        if let Some((_, own)) = drawn.iter_mut().find(|(name, _)| name.ends_with("gap_weights")) {
            // They start at zero, where the time since an event has no say.
            own.data.iter_mut().for_each(|weight| *weight = rng.uniform(-1.0, 1.0) as f32);
        }
        let weights = drawn;
        let model = with_weights(model, weights.clone()).expect("they are its own");
        let n_ranked = if model.ranks_cold_items() { n_items } else { size.trained };
        let ranked: Vec<u32> = (1..=n_ranked as u32).collect();
        let rows = ItemRows::new(&catalog, &ranked);
        let data = model.encode_items(&ItemBatch::new(&rows, None, &device())).into_data();
        let data: Vec<f32> = data.try_into_vec().expect("vectors are f32");
        let vectors = ItemVectors::new(ranked, data.len() / n_ranked, data).expect("vectors are finite");
        Fixture {
            config,
            model,
            weights,
            columns,
            history,
            catalog,
            attributes,
            users,
            events,
            sequences,
            vectors,
        }
    }

    pub fn contents<'a>(&'a self, index: IndexPlan<'a>) -> Contents<'a> {
        Contents {
            model: &self.config,
            weights: &self.weights,
            columns: &self.columns,
            history: self.history.clone(),
            catalog: &self.catalog,
            item_attributes: &self.attributes,
            users: &self.users,
            events: &self.events,
            sequences: &self.sequences,
            item_vectors: &self.vectors,
            index,
            seen: Seen::Excluded,
            data: serde_json::Value::Null,
            provenance: serde_json::json!({ "config_hash": "c0ffee" }),
            metrics: serde_json::json!({ "hit_rate@10": 0.25 }),
        }
    }

    /// Without some events, by the places among all that `is_kept` says, as a bundle of an earlier day.
    pub fn with_events_where(mut self, mut is_kept: impl FnMut(usize) -> bool) -> Self {
        let (mut offsets, mut items, mut times) = (vec![0], Vec::new(), Vec::new());
        for user in 0..self.events.n_users() {
            for at in self.events.start(user)..self.events.start(user) + self.events.items(user).len() {
                if is_kept(at) {
                    items.push(self.events.all_items()[at]);
                    times.push(self.events.all_times_s()[at]);
                }
            }
            offsets.push(items.len() as u64);
        }
        // Bundles hold no request columns of events.
        self.events = EventStore::new(offsets, items, times, vec![]).expect("events are whole");
        self
    }

    /// The bundle with these contents, opened.
    pub fn opened(&self, folder: &Path, index: IndexPlan<'_>) -> Recommender {
        let dir = folder.join("bundle");
        self.write(&dir, index).expect("the contents fit");
        Recommender::open(&dir, &device()).expect("it was just written")
    }

    pub fn write(&self, dir: &Path, index: IndexPlan<'_>) -> Result<Manifest, BundleError> {
        u2i_bundle::write(dir, &self.contents(index))
    }
}

/// Searches of each user, some of which stand between the events, and what each event sees of them: the newest three of
/// those before it.
fn searches(offsets: &[u64], times: &[i64], rng: &mut Stream) -> (SideEvents, ColumnData) {
    let mut side = SideEvents { offsets: vec![0], ..SideEvents::default() };
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for own in offsets.windows(2) {
        let begin = side.rows.len();
        let mut searched: Vec<i64> = (0..rng.index(9)).map(|_| rng.index(130_000) as i64).collect();
        searched.sort_unstable();
        for time_s in &searched {
            side.rows.push(1 + rng.index(3) as u32);
            side.times_s.push(*time_s);
        }
        for &time_s in &times[own[0] as usize..own[1] as usize] {
            let seen = searched.iter().filter(|&&searched| searched < time_s).count();
            from.push((begin + seen.saturating_sub(3)) as u32);
            to.push((begin + seen) as u32);
        }
        side.offsets.push(side.rows.len() as u64);
    }
    let rows = side.rows.clone();
    (side, ColumnData::Windows { from, to, rows })
}

/// The device that an event came from; the request column is hashed from it.
pub fn device_at(time_s: i64) -> Raw<'static> {
    [Raw::Text("phone"), Raw::Text("tv"), Raw::Missing][time_s as usize % 3]
}

pub fn user(id: impl ToString) -> Request {
    Request { user: Some(id.to_string()), ..Request::default() }
}

pub fn history(ids: &[&str]) -> Request {
    let history = ids.iter().map(|id| id.to_string()).collect();
    Request { history: Some(history), ..Request::default() }
}

pub fn top(k: usize) -> Options {
    Options::top(k.try_into().expect("k is not 0"))
}

//! What memory and time it takes to write a checkpoint of large tables, and to go on from it.
//!
//! `checkpoint_memory ROWS FOLDER` trains a factorization machine with a table of `ROWS` × 64 and Adam for a step, keeps
//! it, goes on from what it kept, so that every page of the moments is there, and keeps the state of the next step. The
//! second writing is measured: most memory that the process held above what it held before.
//! The file takes 768 bytes a row.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use u2i::Stage;
use u2i::burn::tensor::Device;
use u2i::checkpoint::Checkpoints;
use u2i::models::{FmConfig, Init, Inputs, TwoTowerConfig as _};
use u2i::schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, Sample, SampleTable, Side, Transform, Users,
    Vocabulary,
};
use u2i::train::{
    Bce, Decay, Flow, LossConfig, Observer, OptimizerConfig, SamplerConfig, ScheduleConfig, StateView,
    StepReport, TrainConfig, TrainData, Trainer,
};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Keeps the state of its first step, and measures that.
struct Keeps<'a> {
    checkpoints: &'a Checkpoints,
    /// Of tables and moments.
    tables_bytes: usize,
    peak_above_bytes: f64,
    wall_s: f64,
}

impl<'a> Keeps<'a> {
    fn new(checkpoints: &'a Checkpoints) -> Self {
        Keeps { checkpoints, tables_bytes: 0, peak_above_bytes: 0.0, wall_s: 0.0 }
    }
}

impl Observer for Keeps<'_> {
    fn on_step(&mut self, _: &StepReport) -> Flow {
        Flow::Stop
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Failed> {
        let of_tables = state.tensors.iter().filter(|(name, _)| name.starts_with("table/"));
        self.tables_bytes = of_tables.map(|(_, tensor)| 4 * tensor.n_numbers()).sum();
        let stage = Stage::begin();
        let before = stage.cost().peak_rss_mib.unwrap_or(f64::NAN);
        self.checkpoints.save(state)?;
        let cost = stage.cost();
        self.wall_s = cost.wall_s;
        self.peak_above_bytes =
            (cost.peak_rss_mib.unwrap_or(f64::NAN) - before).max(0.0) * f64::from(1 << 20);
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "it is what the example is for")]
fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().map_or(Ok(1000), |rows| rows.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("u2i-checkpoint-memory-{}", std::process::id()));

    // Two users of ten events each; what is looked up of the table does not matter here.
    let items: Vec<u32> = (0..20).map(|event| 1 + event % 10).collect();
    let events = EventStore::new(vec![0, 10, 20], items, (0..20).collect(), vec![])?;
    let users = Users::new(vec!["a".into(), "b".into()], vec![ColumnData::Rows(vec![2, 3])]);
    let ids: Vec<String> = (1..=10).map(|item| item.to_string()).collect();
    let catalog = Catalog::new(ids, vec![None; 10], [&[0][..], &[2; 10]].concat(), vec![]);
    let samples = SampleTable::new((1..10).map(|position| Sample { user: 0, position }).collect());
    let data = TrainData {
        batches: BatchMaker::new(&events, &users, &catalog, 0),
        samples: &samples,
        id_dropout: &[],
    };
    let transform = Transform::Categorical(Vocabulary::new(["nl", "it"]));
    let user = vec![Column { name: "country".into(), side: Side::User, transform }];
    let inputs = Inputs { n_ids: rows, user, request: vec![], item: vec![], history: None };
    let config = FmConfig { dim: 64, init_sd: 0.1, linear_sd: 0.01, history: None };
    let device = Device::flex();
    let model = || config.init(&inputs, &mut Init::new(1, &device.clone().autodiff()));
    let negatives = NonZeroUsize::new(4).ok_or("no negatives")?;
    let loss = LossConfig::Bce(Bce { negatives, sampler: SamplerConfig::Uniform {} }).build()?;
    let train = TrainConfig {
        epochs: NonZeroUsize::MIN,
        chunk_targets: NonZeroU32::MIN,
        chunks_per_step: NonZeroUsize::MIN,
        optimizer: OptimizerConfig::Adam { learning_rate: 0.05, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 },
        schedule: ScheduleConfig { warm_up_steps: 0, decay: Decay::Constant {} },
        early_stopping: None,
        table_precision: None,
    };

    let mut checkpoints = Checkpoints::new(folder.clone(), BTreeMap::new());
    checkpoints.begin()?;
    let mut first = Keeps::new(&checkpoints);
    Trainer::new(&data, &*loss, &train).observer(&mut first).fit(model()?, |_, _| Ok(None))?;

    let stage = Stage::begin();
    let state = checkpoints.resume()?.ok_or("it was just kept")?;
    let hash_s = stage.cost().wall_s;
    let mut second = Keeps::new(&checkpoints);
    let trainer = Trainer::new(&data, &*loss, &train).observer(&mut second).resume(state);
    trainer.fit(model()?, |_, _| Ok(None))?;
    let resumed = stage.cost();
    let Keeps { tables_bytes, peak_above_bytes, wall_s, .. } = second;
    let figures = serde_json::json!({
        "rows": rows,
        "tables_bytes": tables_bytes,
        "peak_above_bytes": peak_above_bytes,
        "share": peak_above_bytes / tables_bytes as f64,
        "wall_s": wall_s,
        "hash_s": hash_s,
        "resume_wall_s": resumed.wall_s - wall_s,
    });
    println!("{figures}");
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

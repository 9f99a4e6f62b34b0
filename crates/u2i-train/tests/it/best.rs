//! The model of the best epoch where an observer keeps it.

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use u2i_models::{TwoTower as _, YoutubeDnn};
use u2i_schema::Slot;
use u2i_train::burn;
use u2i_train::{
    Ended, Fitted, Flow, Observer, StateView, StepReport, TablePrecision, TensorViews, TrainConfig,
    TrainError, TrainProgress, TrainState, Trainer,
};

use crate::fixture::{Data, config, sampled, youtube_dnn};
use crate::{Keep, init, weights};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Keeps every state, and the best model apart from the run.
#[derive(Default)]
struct Elsewhere {
    states: Vec<TrainState>,
    n_offered: usize,
    fails: bool,
}

impl Observer for Elsewhere {
    fn on_step(&mut self, _: &StepReport) -> Flow {
        Flow::Save
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Failed> {
        self.states.push(state.to_owned()?);
        Ok(())
    }

    fn on_best(&mut self, model: &TensorViews<'_>) -> Result<Option<TensorViews<'static>>, Failed> {
        self.n_offered += 1;
        if self.fails {
            return Err("no room".into());
        }
        let copies = model.iter().map(|(name, tensor)| Ok((name.clone(), tensor.to_owned()?)));
        let tensors = copies.collect::<Result<_, Failed>>()?;
        Ok(Some(StateView::from(TrainState { progress: TrainProgress::default(), tensors }).tensors))
    }
}

/// Three epochs, of which the second is the best.
fn run(
    model: YoutubeDnn,
    config: &TrainConfig,
    state: Option<&TrainState>,
    observer: &mut dyn Observer,
) -> Result<Fitted<YoutubeDnn>, TrainError> {
    let (data, loss, device) = (Data::new(), sampled().build().unwrap(), Device::flex());
    let train = data.train(4);
    let trainer = Trainer::new(&train, &*loss, config).seed(1).device(&device).observer(observer);
    let trainer = match state {
        Some(state) => trainer.resume(state),
        None => trainer,
    };
    let metrics = [0.1, 0.4, 0.3];
    trainer.fit(model, |_, epoch| Ok(Some(metrics[epoch - 1])))
}

fn fresh(seed: u64) -> YoutubeDnn {
    youtube_dnn(&Data::new(), &mut init(seed))
}

/// R2 where the best model is on a disk, say: every state is that of a run that has it in memory, and so is what is handed
/// out, also by a run that goes on from one of them.
#[test]
fn a_best_model_that_is_kept_elsewhere_comes_back_to_the_bit() {
    for table_precision in [None, Some(TablePrecision::Bf16)] {
        let config = TrainConfig { table_precision, ..config(3) };
        let mut every = Keep { at: (1..=46).collect(), states: Vec::new() };
        let in_memory = run(fresh(1), &config, None, &mut every).unwrap();
        assert_eq!((in_memory.ended, in_memory.best_epoch), (Ended::Completed, Some(2)));
        let mut elsewhere = Elsewhere::default();
        let kept = run(fresh(1), &config, None, &mut elsewhere).unwrap();
        assert_eq!(weights(&kept.model), weights(&in_memory.model), "{table_precision:?}");
        assert!(elsewhere.states == every.states, "{table_precision:?}");
        assert_eq!(elsewhere.n_offered, 2);
        let dtype = |model: &YoutubeDnn| model.tables()[0].weight.val().dtype();
        assert_eq!(dtype(&kept.model), dtype(&in_memory.model));
        // Before the first best, at it, with the second, and at the end.
        for at in [3, 15, 16, 31, 44, 45] {
            let mut rest = Elsewhere::default();
            let resumed = run(fresh(2), &config, Some(&every.states[at - 1]), &mut rest).unwrap();
            assert_eq!(weights(&resumed.model), weights(&in_memory.model), "resumed at {at}");
            assert!(rest.states == every.states[at..], "resumed at {at}");
            // Once for what the state had, and once for each better epoch that was still to come.
            let to_come = [15, 30].iter().filter(|&&end| at <= end).count();
            assert_eq!(rest.n_offered, usize::from(at > 15) + to_come, "resumed at {at}");
        }
    }
}

#[test]
fn a_best_model_that_cannot_be_kept_ends_the_run_with_its_epoch() {
    let mut fails = Elsewhere { fails: true, ..Elsewhere::default() };
    let error = run(fresh(1), &config(3), None, &mut fails).unwrap_err();
    assert!(matches!(error, TrainError::Best { epoch: 1, .. }), "{error}");
    // The last state before it is there to go on from.
    let last = fails.states.last().unwrap();
    assert_eq!(last.progress.step, 15);
    run(fresh(2), &config(3), Some(last), &mut ()).unwrap();
}

/// N5: a state holds a best model as it was kept, so a broken number of it has to be found when it is. Every user has a value
/// in the column, so that nothing else meets the first row of its table.
#[test]
fn a_best_model_with_a_broken_number_is_not_kept() {
    struct Quiet(Elsewhere);
    impl Observer for Quiet {
        fn on_best(&mut self, model: &TensorViews<'_>) -> Result<Option<TensorViews<'static>>, Failed> {
            self.0.on_best(model)
        }
    }
    let mut model = fresh(1);
    let mut tables = model.tables_mut();
    let of_column = tables.iter_mut().find(|table| table.slots == [Slot::User(0)]).unwrap();
    let table = &mut of_column.weight;
    let weight = table.val().inner();
    let [_, dim] = weight.dims();
    let broken = weight.slice_assign([0..1, 0..dim], Tensor::full([1, dim], f32::NAN, &Device::flex()));
    *table = Param::initialized(table.id, Tensor::from_inner(broken).require_grad());
    let error = run(model, &config(3), None, &mut Quiet(Elsewhere::default())).unwrap_err();
    let TrainError::NotFinite { epoch: 1, step: 14, tensor, .. } = &error else { panic!("{error}") };
    assert!(tensor.starts_with("best/"), "{error}");
}

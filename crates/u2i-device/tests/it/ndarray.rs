//! burn's ndarray backend, which upstream has deprecated, beside flex.

use u2i_device::DeviceChoice;
use u2i_models::{Init, TwoTower};
use u2i_train::{
    Ended, Flow, Observer, StepReport, TablePrecision, TrainConfig, TrainDevice, TrainError, Trainer,
};

use crate::fixture::{Data, config, dssm, fm, sampled, youtube_dnn};

/// Keeps the losses of the first steps, then stops.
struct First(usize, Vec<f32>);

impl Observer for First {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        self.1.push(report.loss);
        if self.1.len() < self.0 { Flow::Continue } else { Flow::Stop }
    }
}

fn first_losses<M: TwoTower>(
    model: impl Fn(&Data, &mut Init) -> M,
    config: &TrainConfig,
    device: DeviceChoice,
) -> Result<Vec<f32>, TrainError> {
    let on = TrainDevice::from(&device.open().unwrap().device);
    let data = Data::new();
    let model = model(&data, &mut Init::new(1, &on.device.clone().autodiff()));
    let mut first = First(20, Vec::new());
    let fitted = Trainer::new(&data.train(4), &*sampled().build().expect("the fixture has losses"), config)
        .seed(1)
        .device(&on)
        .observer(&mut first)
        .fit(model, |_, _| Ok(None))?;
    assert_eq!(fitted.ended, Ended::Stopped, "two epochs have more than twenty steps");
    Ok(first.1)
}

fn check<M: TwoTower>(name: &str, model: impl Fn(&Data, &mut Init) -> M) {
    let [flex, ndarray] = [DeviceChoice::Cpu, DeviceChoice::NdArray]
        .map(|device| first_losses(&model, &config(2), device).unwrap());
    assert!((flex[19] - ndarray[19]).abs() < 1e-4, "{name}: {} and {}", flex[19], ndarray[19]);
    assert!(flex[19] < flex[0], "{name}: {flex:?}");
}

#[test]
fn ndarray_and_flex_agree_after_20_steps() {
    check("fm", fm);
    check("dssm", dssm);
    check("youtube_dnn", youtube_dnn);
}

/// burn's ndarray backend has no half precision.
#[test]
fn a_precision_that_the_device_lacks_is_refused_by_its_key() {
    let config = TrainConfig { table_precision: Some(TablePrecision::Bf16), ..config(2) };
    let error = first_losses(fm, &config, DeviceChoice::NdArray).unwrap_err();
    assert!(matches!(error, TrainError::Precision { precision: TablePrecision::Bf16 }), "{error}");
    assert!(error.to_string().contains("`train.table_precision` is `bf16`"), "{error}");
    first_losses(fm, &config, DeviceChoice::Cpu).unwrap();
}

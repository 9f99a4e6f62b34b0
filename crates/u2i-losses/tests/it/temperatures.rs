//! A temperature that is learned.

use burn::tensor::{Device, Tensor};
use u2i_losses::{LearnedTemperature, Temperature, TemperatureError, full_softmax};

use crate::losses::{ints, temperature, tensor};
use crate::oracle::{Matrix, dot, softmax_row, stream};

/// Loss and gradient by theta.
fn run(users: &Matrix, items: &Matrix, start: f32, floor: f32) -> (f32, f32) {
    let device = Device::flex().autodiff();
    let learned = LearnedTemperature::new(temperature(start), temperature(floor), &device).unwrap();
    let users = learned.scale(tensor(users, &device));
    let loss = full_softmax(users, tensor(items, &device), ints(&[0, 1, 2], &device), Temperature::ONE);
    let gradient = learned.theta.val().grad(&loss.backward()).unwrap();
    (loss.into_scalar(), gradient.into_scalar())
}

#[test]
fn a_learned_temperature_scales_as_a_fixed_one_and_its_gradient_is_that_of_its_formula() {
    for seed in 0..200 {
        let mut stream = stream(seed);
        let [users, items] = [3, 5].map(|rows| Matrix::random(rows, 4, 1.0, &mut stream));
        let start = stream.uniform(0.1, 1.0) as f32;
        let floor = start * stream.uniform(0.1, 0.9) as f32;
        let (loss, gradient) = run(&users, &items, start, floor);
        let fixed: f32 = full_softmax(
            tensor(&users, &Device::flex()),
            tensor(&items, &Device::flex()),
            ints(&[0, 1, 2], &Device::flex()),
            temperature(start),
        )
        .into_scalar();
        assert!((loss - fixed).abs() <= 1e-5 * fixed.abs(), "{loss}, {fixed}");

        let [wide_users, wide_items] =
            [&users, &items].map(|m| m.values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        let oracle = |theta: f64| {
            let tau = f64::from(floor) + theta.exp();
            let row = |i: usize| {
                let score = |j| dot(&wide_users, i, &wide_items, j, 4) / tau;
                let others: Vec<f64> = (0..5).filter(|&j| j != i).map(score).collect();
                softmax_row(score(i), &others)
            };
            (0..3).map(row).sum::<f64>() / 3.0
        };
        let theta = (f64::from(start) - f64::from(floor)).ln();
        let wanted = (oracle(theta + 1e-5) - oracle(theta - 1e-5)) / 2e-5;
        // The sum of terms that may cancel, each up to 40 nats.
        let error = (f64::from(gradient) - wanted).abs();
        assert!(error <= 1e-5 * wanted.abs().max(1.0), "{seed}: {gradient}, {wanted}");
    }
}

/// The positive is ahead, so that the loss falls with the temperature.
#[test]
fn however_long_it_is_pulled_down_it_stays_above_its_floor() {
    let device = Device::flex().autodiff();
    let mut learned = LearnedTemperature::new(temperature(0.5), temperature(0.1), &device).unwrap();
    let user = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
    let items = Tensor::<2>::from_floats([[1.0, 0.0], [0.9, 0.0]], &device);
    let mut scaled = 0.0;
    for _ in 0..2_000 {
        let users = learned.scale(user.clone());
        scaled = users.clone().max().into_scalar::<f32>();
        let loss = full_softmax(users, items.clone(), ints(&[0], &device), Temperature::ONE);
        let gradient = learned.theta.val().grad(&loss.backward()).unwrap();
        learned.theta = learned
            .theta
            .map(|theta| Tensor::from_inner(theta.inner() - gradient.clone() * 1.0).require_grad());
    }
    let reached = learned.get().unwrap().get();
    assert!((0.1..0.2).contains(&reached), "{reached}");
    // 1 divided by it.
    assert!(scaled <= 10.0 && scaled > 5.0, "{scaled}");
}

#[test]
fn a_temperature_that_begins_at_its_floor_is_refused() {
    for start in [0.1, 0.05] {
        let error =
            LearnedTemperature::new(temperature(start), temperature(0.1), &Device::flex()).unwrap_err();
        assert_eq!(error, TemperatureError::NotAboveFloor { start, floor: 0.1 });
    }
}

use burn::tensor::Tensor;

use crate::OptimizerConfig;

/// What a step does to some weights and to their moments; both are added.
pub(crate) struct Change<const D: usize> {
    pub weight: Tensor<D>,
    pub moments: Vec<Tensor<D>>,
}

impl OptimizerConfig {
    /// The optimizer of parameters that are no tables.
    pub(crate) fn of_dense(self) -> Self {
        match self {
            OptimizerConfig::RowWiseAdagrad { learning_rate, epsilon } => {
                OptimizerConfig::Adagrad { learning_rate, epsilon }
            }
            other => other,
        }
    }

    /// The change of a step, which counts from 1. One formula serves dense parameters and the rows of tables.
    ///
    /// # Shapes
    ///
    /// - `gradient`: `[.., dim]`
    /// - `moments`: [`n_moments`](Self::n_moments) of `[.., moment_dim(dim)]`
    pub(crate) fn change<const D: usize>(
        self,
        gradient: Tensor<D>,
        moments: &[Tensor<D>],
        learning_rate: f64,
        step: usize,
    ) -> Change<D> {
        match self {
            OptimizerConfig::Adam { beta_1, beta_2, epsilon, .. } => {
                let first = (gradient.clone() - moments[0].clone()) * (1.0 - beta_1);
                let squares = gradient.clone() * gradient;
                let second = (squares - moments[1].clone()) * (1.0 - beta_2);
                let unbias = |beta: f32| (1.0 - f64::from(beta).powi(step as i32)) as f32;
                let root = ((moments[1].clone() + second.clone()) / unbias(beta_2)).sqrt() + epsilon;
                let rate = (-learning_rate / f64::from(unbias(beta_1))) as f32;
                let weight = (moments[0].clone() + first.clone()) / root * rate;
                Change { weight, moments: vec![first, second] }
            }
            OptimizerConfig::Adagrad { epsilon, .. } => {
                let squares = gradient.clone() * gradient.clone();
                let sum = moments[0].clone() + squares.clone();
                let weight = gradient / (sum.sqrt() + epsilon) * -learning_rate as f32;
                Change { weight, moments: vec![squares] }
            }
            OptimizerConfig::RowWiseAdagrad { epsilon, .. } => {
                let squares = (gradient.clone() * gradient.clone()).mean_dim(D - 1);
                let sum = moments[0].clone() + squares.clone();
                let weight = gradient / (sum.sqrt() + epsilon) * -learning_rate as f32;
                Change { weight, moments: vec![squares] }
            }
            OptimizerConfig::Sgd { .. } => {
                Change { weight: gradient * -learning_rate as f32, moments: Vec::new() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param, ParamId};
    use burn::optim::{AdaGradConfig, AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[derive(Module, Debug)]
    struct Weights {
        weights: Param<Tensor<2>>,
    }

    /// burn's optimizers are the oracle, over several steps with changing gradients and rates.
    #[test]
    fn changes_are_those_of_burns_optimizers() {
        let adam = OptimizerConfig::Adam { learning_rate: 1.0, beta_1: 0.8, beta_2: 0.95, epsilon: 1e-6 };
        let adagrad = OptimizerConfig::Adagrad { learning_rate: 1.0, epsilon: 1e-6 };
        let burns = AdamConfig::new().with_beta_1(0.8).with_beta_2(0.95).with_epsilon(1e-6).init();
        check(adam, burns);
        check(adagrad, AdaGradConfig::new().with_epsilon(1e-6).init());
        check(OptimizerConfig::Sgd { learning_rate: 1.0 }, SgdConfig::new().init());
    }

    /// Sums by hand in `f64`, over several steps; a row without a gradient stays.
    #[test]
    fn a_row_has_one_sum_of_the_means_of_its_squares() {
        let device = Device::flex();
        let optimizer = OptimizerConfig::RowWiseAdagrad { learning_rate: 1.0, epsilon: 1e-6 };
        let gradients = [[[3.0, -1.0], [0.0, 0.0], [0.5, 0.5]], [[0.1, 0.2], [0.0, 0.0], [-4.0, 1.0]]];
        let mut moments = vec![Tensor::<2>::zeros([3, optimizer.moment_dim(2)], &device)];
        let mut sums = [0.0f64; 3];
        for (step, gradient) in (1..).zip(gradients) {
            let tensor = Tensor::<2>::from_data(TensorData::from(gradient), &device);
            let change = optimizer.change(tensor, &moments, 0.1, step);
            moments[0] = moments[0].clone() + change.moments[0].clone();
            let weight: Vec<f32> = change.weight.into_data().try_into_vec().unwrap();
            for (row, [a, b]) in gradient.into_iter().enumerate() {
                sums[row] += (a * a + b * b) / 2.0;
                for (found, gradient) in weight[2 * row..].iter().zip([a, b]) {
                    let wanted = -0.1 * gradient / (sums[row].sqrt() + 1e-6);
                    assert!((f64::from(*found) - wanted).abs() < 1e-6, "{found}, not {wanted}");
                }
            }
        }
        let kept: Vec<f32> = moments.remove(0).into_data().try_into_vec().unwrap();
        assert!(kept.iter().zip(sums).all(|(kept, sum)| (f64::from(*kept) - sum).abs() < 1e-6), "{kept:?}");
        assert_eq!(optimizer.of_dense(), OptimizerConfig::Adagrad { learning_rate: 1.0, epsilon: 1e-6 });
    }

    fn check(ours: OptimizerConfig, mut burns: ModuleOptimizer) {
        let device = Device::flex();
        let data = |scale: f32| {
            let values = (0..6).map(|i| scale * ((i as f32) + scale).sin()).collect();
            Tensor::<2>::from_data(TensorData::new(values, [2, 3]), &device)
        };
        let mut own = data(1.0);
        let mut moments = vec![Tensor::zeros([2, 3], &device); ours.n_moments()];
        let weights = Tensor::from_inner(data(1.0)).require_grad();
        let mut module = Weights { weights: Param::initialized(ParamId::new(), weights) };
        for step in 1..=5 {
            let (factor, rate) = (data(step as f32), 0.1 / step as f64);
            let loss = (module.weights.val() * Tensor::from_inner(factor.clone())).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &module);
            module = burns.step(rate, module, gradients);
            let change = ours.change(factor, &moments, rate, step);
            own = own + change.weight;
            for (moment, change) in moments.iter_mut().zip(change.moments) {
                *moment = moment.clone() + change;
            }
            let host = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().unwrap();
            for (a, b) in host(own.clone()).iter().zip(host(module.weights.val().inner())) {
                assert!((a - b).abs() < 1e-6, "{a} and {b} after step {step}");
            }
        }
    }
}

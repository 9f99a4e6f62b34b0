//! Every loss and its gradients, computed on both devices from the same numbers.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use u2i_device::burn;
use u2i_losses::{Temperature, bce, full_softmax, in_batch_softmax, sampled_softmax};
use u2i_random::{Purpose, Stream};

use crate::{check_close, gpu, host};

/// Numbers of one batch.
struct Batch {
    batch: usize,
    negatives: usize,
    dim: usize,
    users: Vec<f32>,
    positives: Vec<f32>,
    others: Vec<f32>,
    ids: Vec<i32>,
    log_q: Vec<f32>,
}

impl Batch {
    fn new(step: u64) -> Self {
        let mut stream = Stream::new(3, Purpose::SYNTHETIC, 0, step);
        let (batch, negatives, dim) = (1 + stream.index(40), 1 + stream.index(40), 1 + stream.index(70));
        let mut numbers = |n: usize| (0..n).map(|_| 2.0 * stream.unit() as f32 - 1.0).collect::<Vec<_>>();
        let (users, positives, others) =
            (numbers(batch * dim), numbers(batch * dim), numbers(negatives * dim));
        let log_q = numbers(batch.max(negatives));
        let ids = (0..batch).map(|_| stream.index(8) as i32).collect();
        Batch { batch, negatives, dim, users, positives, others, ids, log_q }
    }

    /// The value, then the gradients of users, positives and negatives, of each loss.
    fn losses(&self, device: &Device) -> Vec<(&'static str, Vec<Vec<f32>>)> {
        let Batch { batch, negatives, dim, .. } = *self;
        let device = device.clone().autodiff();
        let temperature = Temperature::new(0.1).unwrap();
        let leaf = |values: &[f32], n| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [n, dim]), &device).require_grad()
        };
        let ints = |values: &[i32]| {
            Tensor::<1, Int>::from_data(TensorData::new(values.to_vec(), [values.len()]), &device)
        };
        let floats =
            |n: usize| Tensor::<1>::from_data(TensorData::new(self.log_q[..n].to_vec(), [n]), &device);
        type Loss<'a> = dyn Fn(Tensor<2>, Tensor<2>, Tensor<2>) -> Tensor<1> + 'a;
        let hits: Vec<bool> = (0..batch * negatives).map(|i| i % 7 == 0).collect();
        let sampled: &Loss<'_> = &|users, positives, others| {
            let hits =
                Tensor::<2, Bool>::from_data(TensorData::new(hits.clone(), [batch, negatives]), &device);
            sampled_softmax(users, positives, others, hits, floats(negatives), temperature)
        };
        let in_batch: &Loss<'_> = &|users, positives, _| {
            in_batch_softmax(users, positives, ints(&self.ids), floats(batch), temperature)
        };
        let full: &Loss<'_> = &|users, _, others| {
            let targets: Vec<i32> = self.ids.iter().map(|id| id % negatives as i32).collect();
            full_softmax(users, others, ints(&targets), temperature)
        };
        let pointwise: &Loss<'_> = &|users, positives, others| {
            let own = (users.clone() * positives).sum_dim(1).reshape([batch]);
            bce(own, users.matmul(others.transpose()))
        };
        [
            ("sampled_softmax", sampled),
            ("in_batch_softmax", in_batch),
            ("full_softmax", full),
            ("bce", pointwise),
        ]
        .map(|(name, loss)| {
            let inputs =
                [leaf(&self.users, batch), leaf(&self.positives, batch), leaf(&self.others, negatives)];
            let [users, positives, others] = inputs.clone();
            let loss = loss(users, positives, others);
            let gradients = loss.backward();
            let mut found = vec![host(loss.inner())];
            found.extend(inputs.iter().filter_map(|input| input.grad(&gradients)).map(host));
            (name, found)
        })
        .into()
    }
}

#[test]
fn losses_and_their_gradients_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for step in 0..12 {
        let batch = Batch::new(step);
        let (cpu, gpu) = (batch.losses(&Device::flex()), batch.losses(&gpu.device));
        for ((name, cpu), (_, gpu)) in cpu.iter().zip(&gpu) {
            assert_eq!(cpu.len(), gpu.len(), "{name}");
            for (part, (a, b)) in cpu.iter().zip(gpu).enumerate() {
                // Sums of up to 70 numbers in another order, of scores up to a few hundred.
                check_close(&format!("{name}, part {part}, step {step}"), a, b, 3e-5);
            }
        }
    }
}

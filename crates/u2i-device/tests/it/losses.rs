//! Every loss and its gradients, computed on both devices from the same numbers.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use u2i_device::burn;
use u2i_losses::{FULL_SOFTMAX_BLOCK, Temperature, bce, full_softmax, in_batch_softmax, sampled_softmax};
use u2i_random::{Purpose, Stream};

use crate::gpu::{check_close, gpu, host};

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

/// Two blocks of items, the second not full.
#[test]
fn full_softmax_by_blocks_is_that_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let (batch, dim, n_items) = (7, 4, FULL_SOFTMAX_BLOCK + 100);
    let mut stream = Stream::new(3, Purpose::SYNTHETIC, 1, 0);
    let mut numbers = |n: usize| (0..n * dim).map(|_| 2.0 * stream.unit() as f32 - 1.0).collect::<Vec<_>>();
    let numbers = [numbers(batch), numbers(n_items)];
    let found = [Device::flex(), gpu.device].map(|device| {
        let device = device.autodiff();
        let inputs = numbers.each_ref().map(|values| {
            let shape = [values.len() / dim, dim];
            Tensor::<2>::from_data(TensorData::new(values.clone(), shape), &device).require_grad()
        });
        let targets: Vec<i32> = (0..batch as i32).map(|row| row * (n_items / batch) as i32).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [batch]), &device);
        let [users, items] = inputs.clone();
        let loss = full_softmax(users, items, targets, Temperature::new(0.1).unwrap());
        let gradients = loss.backward();
        let of_inputs = inputs.map(|input| host(input.grad(&gradients).unwrap()));
        (host(loss.inner()), of_inputs)
    });
    let [(cpu, cpu_gradients), (gpu, gpu_gradients)] = &found;
    check_close("loss", cpu, gpu, 1e-5);
    for (part, (a, b)) in cpu_gradients.iter().zip(gpu_gradients).enumerate() {
        check_close(&format!("gradient {part}"), a, b, 3e-5);
    }
}

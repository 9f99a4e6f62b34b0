use burn::tensor::Device;
use rayon::ThreadPoolBuilder;
use u2i_ops::{Activation, Divisor, Factors, Windows, dense, pool, pool_by};

use crate::{host, numbers, stream, tensor};

/// Values and gradients of a small tower.
fn tower() -> Vec<f32> {
    let device = Device::flex().autodiff();
    let mut stream = stream(5);
    let windows = Windows { length: 6, targets: 100 };
    let (chunks, dim, heads) = (13, 24, 3);
    let rows = chunks * windows.width();
    let mut leaf =
        |shape: [usize; 2]| tensor(&numbers(shape[0] * shape[1], &mut stream), shape, &device).require_grad();
    let (vectors, log_weights) = (leaf([rows, dim]), leaf([heads, windows.length]));
    let (weight, bias) = (leaf([heads * dim, 150]), leaf([1, 150]));
    let mask = burn::tensor::Tensor::ones([chunks, windows.width()], &device);
    let divisor = Divisor::Weights { least: 1e-8 };
    let pooled = pool(&vectors, &mask, None, Some(&log_weights), windows, divisor).unwrap();
    let (log_by_lag, log_by_gap) = (leaf([heads, windows.length]), leaf([heads, 4]));
    let (by_lag, by_gap) = (log_by_lag.clone().exp(), log_by_gap.clone().exp());
    let gaps = (0..rows * windows.targets).map(|i| (i * i % 4) as u32).collect();
    let by_event = vectors.clone().narrow(1, 0, heads).exp();
    let factors =
        Factors { by_lag: Some(&by_lag), by_gap: Some((&by_gap, &gaps)), by_event: Some(&by_event) };
    let pooled_by = pool_by(&vectors, &mask, None, factors, windows, 1e-8).unwrap();
    let y = dense(&(pooled + pooled_by), &weight, &bias.clone().reshape([150]), Activation::Gelu).unwrap();
    let gradients = (y.clone() * y.clone()).sum().backward();
    let leaves = [vectors, log_weights, log_by_lag, log_by_gap, weight, bias];
    let of_leaves = leaves.iter().flat_map(|leaf| host(leaf.grad(&gradients).unwrap()));
    of_leaves.chain(host(y)).collect()
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let with = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(tower);
    let alone = with(1);
    for threads in [2, 3, 7] {
        let found = with(threads);
        assert!(found.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits()), "{threads} threads");
    }
}

use burn::tensor::{DType, Device, Tensor};
use u2i_ops::{Activation, dense};

use crate::{assert_near, host, numbers, slope, stream, tensor, wide};

const ACTIVATIONS: [Activation; 3] = [Activation::None, Activation::Relu, Activation::Gelu];

/// The normal distribution by the series of its density, for `|x| < 6`.
fn phi(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

fn activated(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Gelu => x * phi(x),
    }
}

/// The outputs of x `[batch, inputs]`, weights and bias, one after another in `all`.
fn wanted(all: &[f64], [batch, inputs, outputs]: [usize; 3], activation: Activation) -> Vec<f64> {
    let (x, rest) = all.split_at(batch * inputs);
    let (weight, bias) = rest.split_at(inputs * outputs);
    let one = |i: usize| {
        let (row, output) = (i / outputs, i % outputs);
        let sum: f64 = (0..inputs).map(|k| x[row * inputs + k] * weight[k * outputs + output]).sum();
        activated(sum + bias[output], activation)
    };
    (0..batch * outputs).map(one).collect()
}

#[test]
fn values_and_gradients_are_those_of_sums() {
    let device = Device::flex().autodiff();
    let mut stream = stream(1);
    let shapes = [[0, 70, 3], [1, 1, 1], [3, 5, 2], [17, 33, 19], [600, 4, 3], [2, 70, 129]];
    for (sizes, activation) in shapes.into_iter().flat_map(|sizes| ACTIVATIONS.map(|with| (sizes, with))) {
        let [batch, inputs, outputs] = sizes;
        let (x, weight, bias): (_, Vec<f32>, _) = (
            numbers(batch * inputs, &mut stream),
            numbers(inputs * outputs, &mut stream).iter().map(|x| x / (inputs as f32).sqrt()).collect(),
            numbers(outputs, &mut stream),
        );
        let by = numbers(batch * outputs, &mut stream);
        let tensors = (
            tensor(&x, [batch, inputs], &device).require_grad(),
            tensor(&weight, [inputs, outputs], &device).require_grad(),
            tensor(&bias, [outputs], &device).require_grad(),
        );
        let y = dense(&tensors.0, &tensors.1, &tensors.2, activation).unwrap();
        let all = wide(&[x, weight, bias].concat());
        for (found, wanted) in host(y.clone()).into_iter().zip(wanted(&all, sizes, activation)) {
            assert_near(found, wanted, 1e-5, &format!("{sizes:?}, {activation:?}"));
        }
        // Off the training device it has the same bits.
        let plain = Device::flex();
        let moved = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let (first, second) = (batch * inputs, batch * inputs + inputs * outputs);
        let served = dense(
            &tensor(&moved(&all[..first]), [batch, inputs], &plain),
            &tensor(&moved(&all[first..second]), [inputs, outputs], &plain),
            &tensor(&moved(&all[second..]), [outputs], &plain),
            activation,
        );
        assert_eq!(host(served.unwrap()), host(y.clone()));

        let loss = (y * tensor(&by, [batch, outputs], &device)).sum();
        let gradients = loss.backward();
        let found = [
            host(tensors.0.grad(&gradients).unwrap()),
            host(tensors.1.grad(&gradients).unwrap()),
            host(tensors.2.grad(&gradients).unwrap()),
        ]
        .concat();
        let loss_of = |all: &[f64]| {
            wanted(all, sizes, activation).iter().zip(&by).map(|(y, by)| y * f64::from(*by)).sum::<f64>()
        };
        let stride = (all.len() / 60).max(1);
        for at in (0..all.len()).step_by(stride).chain([first, second, all.len() - 1]) {
            let wanted = slope(&all, at, loss_of);
            assert_near(found[at], wanted, 2e-4, &format!("{sizes:?}, {activation:?}, gradient {at}"));
        }
    }
}

/// As a user who is served alone has the vector that he had in a batch.
#[test]
fn rows_have_the_same_bits_alone() {
    let device = Device::flex();
    let mut stream = stream(2);
    for [inputs, outputs] in [[321, 128], [128, 64], [600, 40], [3, 1], [5, 300]] {
        let x = numbers(40 * inputs, &mut stream);
        let weight = tensor(&numbers(inputs * outputs, &mut stream), [inputs, outputs], &device);
        let bias = tensor(&numbers(outputs, &mut stream), [outputs], &device);
        let of = |x: &[f32]| {
            let x = tensor(x, [x.len() / inputs, inputs], &device);
            host(dense(&x, &weight, &bias, Activation::Gelu).unwrap())
        };
        let together = of(&x);
        for rows in [1, 2, 5, 17] {
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let first = of(&x[..rows * inputs]);
            assert_eq!(bits(&first), bits(&together[..rows * outputs]), "{rows} rows of {inputs}");
            let last = of(&x[(40 - rows) * inputs..]);
            assert_eq!(
                bits(&last),
                bits(&together[(40 - rows) * outputs..]),
                "the last {rows} rows of {inputs}"
            );
        }
    }
}

#[test]
fn gradients_that_nobody_asks_for_are_not_needed() {
    let device = Device::flex().autodiff();
    let weight = Tensor::<2>::ones([2, 2], &device).require_grad();
    let (x, bias) = (Tensor::<2>::ones([1, 2], &device), Tensor::<1>::zeros([2], &device));
    let y = dense(&x, &weight, &bias, Activation::Relu).unwrap();
    let gradients = y.sum().backward();
    assert_eq!(host(weight.grad(&gradients).unwrap()), [1.0; 4]);
    // Nothing is tracked at all.
    let y = dense(&x, &Tensor::ones([2, 2], &device), &bias, Activation::Gelu).unwrap();
    assert_eq!(y.dims(), [1, 2]);
    // What is not contiguous is read in its order.
    let turned = tensor(&[1.0, 2.0, 3.0, 4.0], [2, 2], &device).transpose();
    let y = dense(&turned, &Tensor::ones([2, 1], &device), &Tensor::zeros([1], &device), Activation::None);
    assert_eq!(host(y.unwrap()), [4.0, 6.0]);
}

/// Of no rows all gradients are zeros, however many threads there are.
#[test]
fn nothing_in_is_nothing_out() {
    let device = Device::flex().autodiff();
    let work = || {
        let weight = Tensor::<2>::ones([200, 3], &device).require_grad();
        let x = Tensor::<2>::zeros([0, 200], &device);
        let y = dense(&x, &weight, &Tensor::zeros([3], &device), Activation::Gelu).unwrap();
        assert_eq!(y.dims(), [0, 3]);
        host(weight.grad(&y.sum().backward()).unwrap())
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(work), [0.0; 600]);
}

#[test]
fn other_numbers_are_left_to_burn() {
    let device = Device::flex();
    let wide = Tensor::<2>::ones([1, 1], (&device, DType::F64));
    let bias = Tensor::<1>::zeros([1], (&device, DType::F64));
    assert!(dense(&wide, &wide, &bias, Activation::None).is_none());
}

use burn::tensor::Tensor;
use pulp::{Arch, Simd, WithSimd};
use u2i_linalg::{Matrix, gelu, product};

use super::function::{Function, GradientRequest, apply};
use super::parts::each;
use crate::{Activation, operate_on};

/// As [`crate::dense`].
pub(crate) fn dense(
    x: &Tensor<2>,
    weight: &Tensor<2>,
    bias: &Tensor<1>,
    activation: Activation,
) -> Option<Tensor<2>> {
    if !(operate_on(x) && operate_on(weight) && operate_on(bias)) {
        return None;
    }
    let ([batch, inputs], [_, outputs]) = (x.dims(), weight.dims());
    let tensors = [x.clone().into_dispatch(), weight.clone().into_dispatch(), bias.clone().into_dispatch()];
    Some(apply(Dense { inputs, outputs, activation }, tensors, [batch, outputs]))
}

/// Rows that are multiplied at once, so that what is done to each product meets it in the cache.
const ROWS: usize = 512;

/// Inputs whose weights' gradients are one part, where there are several threads.
const INPUTS: usize = 64;

#[derive(Debug)]
struct Dense {
    inputs: usize,
    outputs: usize,
    activation: Activation,
}

impl Function<3> for Dense {
    /// `[batch, outputs]`: derivatives of the activation; empty unless it is GELU.
    type Kept = Vec<f32>;

    fn value(&self, [x, weight, bias]: [&[f32]; 3], is_tracked: bool) -> (Vec<f32>, Self::Kept) {
        let n = x.len() / self.inputs * self.outputs;
        let mut values = vec![0.0; n];
        let keeps = is_tracked && self.activation == Activation::Gelu;
        let mut slopes = vec![0.0; if keeps { n } else { 0 }];
        let mut slopes_of = slopes.chunks_mut(ROWS * self.outputs);
        let parts = x.chunks(ROWS * self.inputs).zip(values.chunks_mut(ROWS * self.outputs));
        let parts = parts.map(|(x, values)| (x, values, slopes_of.next().unwrap_or_default())).collect();
        each(parts, |(x, values, slopes)| {
            product(Matrix::new(x, self.inputs), Matrix::new(weight, self.outputs), 1.0, values);
            Arch::new().dispatch(Activate { values, slopes, bias, activation: self.activation });
        });
        (values, slopes)
    }

    fn gradients(&self, request: GradientRequest<'_, Self::Kept, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, weight, _] = request.inputs;
        let [by_x, by_weight, by_bias] = request.wanted;
        let mut own = request.kept;
        let times = |own: &mut [f32]| own.iter_mut().zip(request.of_value).for_each(|(own, of)| *own *= of);
        let of_sums: &[f32] = match self.activation {
            Activation::None => request.of_value,
            Activation::Relu => {
                own = request.value.iter().map(|&value| if value > 0.0 { 1.0 } else { 0.0 }).collect();
                times(&mut own);
                &own
            }
            Activation::Gelu => {
                times(&mut own);
                &own
            }
        };
        let of_bias = by_bias.then(|| column_sums(of_sums, self.outputs));
        let (of_sums, weight) = (Matrix::new(of_sums, self.outputs), Matrix::new(weight, self.outputs));
        let of_weight = by_weight.then(|| {
            let x = Matrix::new(x, self.inputs).transposed();
            let mut to = vec![0.0; self.inputs * self.outputs];
            let n = if rayon::current_num_threads() == 1 { self.inputs } else { INPUTS };
            let parts = to.chunks_mut(n * self.outputs).enumerate().collect();
            each(parts, |(part, to): (usize, &mut [f32])| {
                let first = part * n;
                let last = first + to.len() / self.outputs;
                product(x.row_range(first..last), of_sums, 1.0, to);
            });
            to
        });
        let of_x = by_x.then(|| {
            let mut to = vec![0.0; x.len()];
            let parts = to.chunks_mut(ROWS * self.inputs).enumerate().collect();
            each(parts, |(part, to): (usize, &mut [f32])| {
                let first = part * ROWS;
                let last = first + to.len() / self.inputs;
                product(of_sums.row_range(first..last), weight.transposed(), 1.0, to);
            });
            to
        });
        [of_x, of_weight, of_bias]
    }
}

/// Sums of the columns, 64 rows at a time.
fn column_sums(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for rows in rows.chunks(64 * width) {
        let mut own = vec![0.0f32; width];
        for row in rows.chunks_exact(width) {
            own.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    sums
}

/// Adds the bias and applies the activation.
struct Activate<'a> {
    values: &'a mut [f32],
    /// As many, or none.
    slopes: &'a mut [f32],
    bias: &'a [f32],
    activation: Activation,
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.values.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(self.bias).for_each(|(value, bias)| *value += bias);
        }
        match self.activation {
            Activation::None => {}
            Activation::Relu => {
                // NaN stays.
                self.values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
            }
            Activation::Gelu => {
                let (values, values_rest) = S::as_mut_simd_f32s(self.values);
                let (slopes, slopes_rest) = S::as_mut_simd_f32s(self.slopes);
                let rest = simd.partial_load_f32s(values_rest);
                if slopes.is_empty() && slopes_rest.is_empty() {
                    values.iter_mut().for_each(|value| *value = gelu(simd, *value).0);
                    return simd.partial_store_f32s(values_rest, gelu(simd, rest).0);
                }
                for (value, slope) in values.iter_mut().zip(slopes) {
                    (*value, *slope) = gelu(simd, *value);
                }
                let (value, slope) = gelu(simd, rest);
                simd.partial_store_f32s(values_rest, value);
                simd.partial_store_f32s(slopes_rest, slope);
            }
        }
    }
}

use pulp::Simd;

/// Where [`exp`] ends.
const LEAST: f32 = -87.0;

/// `e^x` for `x` from -87 to 0, to 2e-7 of its value; below that `e^-87`, which is 1.6e-38. It is not for numbers above 0, and of
/// NaN it may be any: whoever may meet one looks for it before.
///
/// 2 to the nearest whole power, and the rest, at most ln 2 / 2 either way, by its series.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding and taking away 1.5 · 2²³ leaves a whole number, which also stands in the last bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
    let number = |value| simd.splat_f32s(value);
    let x = simd.max_f32s(x, number(LEAST));
    let power = simd.mul_add_e_f32s(x, number(std::f32::consts::LOG2_E), number(ROUND));
    let whole = simd.sub_f32s(power, number(ROUND));
    let r = simd.negate_mul_add_e_f32s(whole, number(LN_2.0), x);
    let r = simd.negate_mul_add_e_f32s(whole, number(LN_2.1), r);
    let mut series = number(1.0 / 5_040.0);
    for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = simd.mul_add_e_f32s(series, r, number(term));
    }
    let power = simd.transmute_u32s_f32s(power);
    let two = simd.wrapping_dyn_shl_u32s(power, simd.splat_u32s(23));
    let two = simd.add_u32s(two, simd.splat_u32s(127 << 23));
    simd.mul_f32s(series, simd.transmute_f32s_u32s(two))
}

/// The error function: an odd rational function, and 1 to all digits beyond 3.925 either way.
///
/// The coefficients are those of Eigen's `erf` of 32-bit floats; the test says how far it is off.
#[inline(always)]
fn erf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const ABOVE: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_5e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_4e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const BELOW: [f32; 5] = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_474e-2];
    let number = |value| simd.splat_f32s(value);
    let x = simd.min_f32s(simd.max_f32s(x, number(-4.0)), number(4.0));
    let square = simd.mul_f32s(x, x);
    let mut above = number(ABOVE[0]);
    for &term in &ABOVE[1..] {
        above = simd.mul_add_e_f32s(above, square, number(term));
    }
    let mut below = number(BELOW[0]);
    for &term in &BELOW[1..] {
        below = simd.mul_add_e_f32s(below, square, number(term));
    }
    let value = simd.div_f32s(simd.mul_f32s(x, above), below);
    let value = simd.select_f32s(simd.greater_than_f32s(x, number(3.925)), number(1.0), value);
    simd.select_f32s(simd.less_than_f32s(x, number(-3.925)), number(-1.0), value)
}

/// `x Φ(x)`, and its derivative `Φ(x) + x φ(x)`, with Φ and φ the normal distribution and its density. Both are NaN of NaN and
/// of −∞.
#[inline(always)]
pub fn gelu<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let number = |value| simd.splat_f32s(value);
    let half = number(0.5);
    let erf = erf(simd, simd.mul_f32s(x, number(std::f32::consts::FRAC_1_SQRT_2)));
    let below = simd.mul_add_e_f32s(half, erf, half);
    let exponent = simd.mul_f32s(simd.mul_f32s(x, x), number(-0.5));
    // 1 / √(2π)
    let density = simd.mul_f32s(exp(simd, exponent), number(0.398_942_3));
    let is_far = simd.less_than_f32s(exponent, number(LEAST));
    let density = simd.select_f32s(is_far, number(0.0), density);
    (simd.mul_f32s(x, below), simd.mul_add_e_f32s(x, density, below))
}

/// Inner product of two slices.
///
/// # Panics
///
/// If one is longer than the other.
#[inline(always)]
pub fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "numbers of both sides of an inner product");
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sums = simd.splat_f32s(0.0);
    for (&a, &b) in a.iter().zip(b) {
        sums = simd.mul_add_e_f32s(a, b, sums);
    }
    simd.reduce_sum_f32s(sums) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct All<'a>(&'a [f32], fn() -> Wanted);

    /// What a test asks for.
    enum Wanted {
        Exp,
        Gelu,
    }

    impl WithSimd for All<'_> {
        /// Values and derivatives.
        type Output = (Vec<f32>, Vec<f32>);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let (mut values, mut slopes) = (self.0.to_vec(), self.0.to_vec());
            let (values_of, slopes_of) =
                (S::as_mut_simd_f32s(&mut values).0, S::as_mut_simd_f32s(&mut slopes).0);
            for (value, slope) in values_of.iter_mut().zip(slopes_of) {
                (*value, *slope) = match self.1() {
                    Wanted::Exp => (exp(simd, *value), *slope),
                    Wanted::Gelu => gelu(simd, *value),
                };
            }
            (values, slopes)
        }
    }

    /// Maclaurin's series, for `|x| <= 5`.
    fn erf_of(x: f64) -> f64 {
        let (mut power, mut sum) = (x, x);
        for n in 1..200 {
            power *= -x * x / f64::from(n);
            sum += power / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
        let inputs: Vec<f32> = (0..1_000_000).map(|i| i as f32 * -87e-6).collect();
        let (values, _) = Arch::new().dispatch(All(&inputs, || Wanted::Exp));
        let error = |(x, value): (&f32, f32)| {
            let wanted = f64::from(*x).exp();
            (f64::from(value) - wanted).abs() / wanted
        };
        let worst = inputs.iter().zip(values.iter().copied()).map(error).fold(0.0, f64::max);
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(values[0], 1.0);
    }

    #[test]
    fn gelu_and_its_derivative_are_those_of_the_series() {
        let inputs: Vec<f32> = (-600_000..600_000).map(|i| i as f32 * 1e-5).collect();
        let (values, slopes) = Arch::new().dispatch(All(&inputs, || Wanted::Gelu));
        let (mut worst, mut worst_slope) = (0.0f64, 0.0f64);
        for ((&x, value), slope) in inputs.iter().zip(values).zip(slopes) {
            let x = f64::from(x);
            let below = 0.5 * (1.0 + erf_of(x * std::f64::consts::FRAC_1_SQRT_2));
            let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            worst = worst.max((f64::from(value) - x * below).abs() / x.abs().max(1.0));
            worst_slope = worst_slope.max((f64::from(slope) - (below + x * density)).abs());
        }
        assert!(worst < 3e-7 && worst_slope < 6e-7, "{worst}, {worst_slope}");
        // As many as the widest register has.
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e30, 1e30, 0.0, -30.0, 30.0].repeat(2);
        let (values, slopes) = Arch::new().dispatch(All(&odd, || Wanted::Gelu));
        assert!(values[0].is_nan() && slopes[0].is_nan());
        let is_near = |value: f32, wanted: f32| (value / wanted - 1.0).abs() < 2e-7;
        assert!(is_near(values[4], 1e30) && is_near(values[7], 30.0), "{values:?}");
        assert_eq!([values[3], values[5], values[6]], [0.0; 3]);
        assert_eq!([slopes[3], slopes[4], slopes[5], slopes[6], slopes[7]], [0.0, 1.0, 0.5, 0.0, 1.0]);
        assert!(values[1] == f32::INFINITY && values[2].is_nan(), "{values:?}");
    }

    #[test]
    fn inner_products_are_sums_of_products() {
        struct Dot<'a>(&'a [f32], &'a [f32]);
        impl WithSimd for Dot<'_> {
            type Output = f32;

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> f32 {
                dot(simd, self.0, self.1)
            }
        }
        let numbers: Vec<f32> = (0..100).map(|i| (i % 7) as f32 - 3.0).collect();
        for n in [0, 1, 7, 8, 16, 17, 40, 99] {
            let (a, b) = (&numbers[..n], &numbers[1..n + 1]);
            // Whole numbers, so that no order of them makes a difference.
            assert_eq!(Arch::new().dispatch(Dot(a, b)), a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
        }
        let unequal = std::panic::catch_unwind(|| Arch::new().dispatch(Dot(&[1.0; 17], &[1.0; 16])));
        assert!(unequal.is_err());
    }
}

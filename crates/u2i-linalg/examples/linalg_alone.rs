//! Scores of users and items, and their exponentials.

use pulp::{Arch, Simd, WithSimd};
use u2i_linalg::{Matrix, exp, product};

/// `e^x` of numbers up to 0.
struct Exp<'a>(&'a mut [f32]);

impl WithSimd for Exp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (lanes, rest) = S::as_mut_simd_f32s(self.0);
        lanes.iter_mut().for_each(|x| *x = exp(simd, *x));
        let last = exp(simd, simd.partial_load_f32s(rest));
        simd.partial_store_f32s(rest, last);
    }
}

fn main() {
    let users = Matrix::new(&[1.0, 0.0, 0.6, 0.8], 2);
    let items = Matrix::new(&[-1.0, 0.0, 0.0, -1.0, -0.6, -0.8], 2);
    let mut scores = [0.0; 6];
    product(users, items.transposed(), 1.0, &mut scores);
    assert_eq!(scores, [-1.0, 0.0, -0.6, -0.6, -0.8, -1.0]);

    Arch::new().dispatch(Exp(&mut scores));
    assert!((scores[0] - 0.367_879_4).abs() < 1e-6 && scores[1] == 1.0);
}

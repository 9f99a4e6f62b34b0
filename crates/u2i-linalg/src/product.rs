#![allow(unsafe_code)]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// Products of longer rows are added up in pieces of so many. `gemm` 0.19 adds up one of them in order, in registers, whatever
/// the other sizes are; how it divides longer ones depends on them. The test finds out if a later version does otherwise.
const DEPTH: usize = 512;

/// Numbers of a product that `gemm` has kernels of its own for, which add up several terms at once.
const SMALL: usize = 256;

/// A matrix in a slice, row by row, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The rows in `data`, each of `width` numbers.
    ///
    /// # Panics
    ///
    /// If `data` is not whole rows.
    pub fn new(data: &'a [f32], width: usize) -> Self {
        assert!(width > 0 && data.len().is_multiple_of(width), "{} numbers in rows of {width}", data.len());
        Matrix { data, rows: data.len() / width, columns: width, row_stride: width, column_stride: 1 }
    }

    /// How many rows there are.
    pub fn n_rows(self) -> usize {
        self.rows
    }

    /// Its transpose; nothing is moved.
    pub fn transposed(self) -> Self {
        let Matrix { data, rows, columns, row_stride, column_stride } = self;
        Matrix { data, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }

    /// Some of its rows.
    ///
    /// # Panics
    ///
    /// If it has fewer.
    pub fn row_range(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "rows {range:?} of {}", self.rows);
        // A matrix without columns has rows and no numbers.
        let data = self.data.get(range.start * self.row_stride..).unwrap_or_default();
        Matrix { data, rows: range.len(), ..self }
    }

    /// Some of its columns.
    ///
    /// # Panics
    ///
    /// If it has fewer.
    pub fn column_range(self, range: Range<usize>) -> Self {
        self.transposed().row_range(range).transposed()
    }

    /// Whether all of its numbers are in `data`.
    fn is_whole(&self) -> bool {
        let last = |n: usize, stride: usize| n.checked_sub(1).map(|last| last * stride);
        match (last(self.rows, self.row_stride), last(self.columns, self.column_stride)) {
            (Some(row), Some(column)) => row + column < self.data.len(),
            _ => true,
        }
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.data[row * self.row_stride + column * self.column_stride]
    }
}

/// `to = scale · a b`.
///
/// Each number is a sum in the order of the columns of `a`, 512 of them at a time: its bits depend on its own row of `a` and
/// column of `b` alone, and on the kind of processor.
///
/// # Shapes
///
/// - `a`: `[m, k]`
/// - `b`: `[k, n]`
/// - `to`: `[m, n]`, row by row
///
/// # Panics
///
/// If the shapes do not fit.
///
/// # Examples
///
/// ```
/// use u2i_linalg::{Matrix, product};
///
/// let (users, items) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0]);
/// let mut scores = [0.0; 2];
/// product(Matrix::new(&users, 2), Matrix::new(&items, 2).transposed(), 1.0, &mut scores);
/// assert_eq!(scores, [11.0, 17.0]);
/// ```
pub fn product(a: Matrix<'_>, b: Matrix<'_>, scale: f32, to: &mut [f32]) {
    multiply(a, b, scale, to, false);
}

/// `to = to + scale · a b`, otherwise as [`product`].
///
/// # Panics
///
/// If the shapes do not fit.
///
/// # Examples
///
/// ```
/// use u2i_linalg::{Matrix, add_product};
///
/// let mut sums = [100.0];
/// add_product(Matrix::new(&[1.0, 2.0], 2), Matrix::new(&[3.0, 4.0], 1), 2.0, &mut sums);
/// assert_eq!(sums, [122.0]);
/// ```
pub fn add_product(a: Matrix<'_>, b: Matrix<'_>, scale: f32, to: &mut [f32]) {
    multiply(a, b, scale, to, true);
}

fn multiply(a: Matrix<'_>, b: Matrix<'_>, scale: f32, to: &mut [f32], adds: bool) {
    let (m, n) = (a.rows, b.columns);
    assert_eq!(a.columns, b.rows, "columns of the first, rows of the other");
    assert_eq!(Some(to.len()), m.checked_mul(n), "numbers of a product of {m} rows and {n} columns");
    assert!(a.is_whole() && b.is_whole(), "numbers of a matrix lie in its slice");
    if to.is_empty() {
        return;
    }
    if a.columns == 0 {
        if !adds {
            to.fill(0.0);
        }
        return;
    }
    for first in (0..a.columns).step_by(DEPTH) {
        let depth = first..a.columns.min(first + DEPTH);
        let (a, b, adds) = (a.column_range(depth.clone()), b.row_range(depth.clone()), adds || first > 0);
        // There `gemm` has other ways, which add up in another order.
        if m == 1 || n == 1 || m * n <= SMALL || depth.len() <= 2 {
            // One column is one row of the transpose, and lies as it does.
            let (a, b) = if n == 1 { (b.transposed(), a.transposed()) } else { (a, b) };
            Arch::new().dispatch(Narrow { a, b, scale, to, adds });
            continue;
        }
        let stride = |stride: usize| isize::try_from(stride).expect("a slice has fewer bytes than that");
        // SAFETY: `to` is borrowed exclusively and has the m · n numbers that are written. All numbers of `a`, m · depth, and
        // of `b`, depth · n, lie in slices that live through the call, as was asserted of the whole matrices. Strides are
        // positive.
        unsafe {
            gemm::gemm(
                m,
                n,
                depth.len(),
                to.as_mut_ptr(),
                1,
                stride(n),
                adds,
                a.data.as_ptr(),
                stride(a.column_stride),
                stride(a.row_stride),
                b.data.as_ptr(),
                stride(b.column_stride),
                stride(b.row_stride),
                1.0,
                scale,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}

/// Products of one row or column, of few, or that are sums of two, in the order in which `gemm` adds up others.
struct Narrow<'a> {
    a: Matrix<'a>,
    b: Matrix<'a>,
    scale: f32,
    to: &'a mut [f32],
    adds: bool,
}

/// Registers that are added up beside each other.
const WIDE: usize = 4;

/// Numbers of the widest register there is.
const WIDEST: usize = 16;

impl WithSimd for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Narrow { a, b, scale, to, adds } = self;
        let lanes = S::F32_LANES;
        let mut loaded = [0.0f32; WIDE * WIDEST];
        let loaded = &mut loaded[..WIDE * lanes];
        for (row, to) in to.chunks_exact_mut(b.columns).enumerate() {
            for (block, to) in to.chunks_mut(WIDE * lanes).enumerate() {
                let first = block * WIDE * lanes;
                let mut sums = [simd.splat_f32s(0.0); WIDE];
                for depth in 0..a.columns {
                    let factor = simd.splat_f32s(a.at(row, depth));
                    let from = depth * b.row_stride + first * b.column_stride;
                    let numbers = if b.column_stride == 1 && to.len() == WIDE * lanes {
                        &b.data[from..from + to.len()]
                    } else {
                        let numbers = b.data[from..].iter().step_by(b.column_stride);
                        loaded.iter_mut().zip(numbers).take(to.len()).for_each(|(to, from)| *to = *from);
                        &*loaded
                    };
                    for (sum, &number) in sums.iter_mut().zip(S::as_simd_f32s(numbers).0) {
                        *sum = simd.mul_add_e_f32s(factor, number, *sum);
                    }
                }
                let scale = simd.splat_f32s(scale);
                for (to, sum) in to.chunks_mut(lanes).zip(sums) {
                    let value = match adds {
                        true => simd.mul_add_e_f32s(scale, sum, simd.partial_load_f32s(to)),
                        false => simd.mul_f32s(scale, sum),
                    };
                    simd.partial_store_f32s(to, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use u2i_random::{Purpose, Stream};

    use super::*;

    fn numbers(n: usize, stream: &mut Stream) -> Vec<f32> {
        (0..n).map(|_| stream.normal() as f32).collect()
    }

    /// All shapes, both ways to lie, alone and added: near sums of 64-bit numbers, and the same bits however many rows and
    /// columns are multiplied together.
    #[test]
    fn numbers_are_sums_whose_bits_depend_on_their_row_and_column_alone() {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let sizes = [1, 2, 3, 7, 16, 33, 64, 130];
        for k in [1, 2, 3, 64, 321, 512, 513, 1_100] {
            let (m, n) = (sizes[sizes.len() - 1], sizes[sizes.len() - 1]);
            let (a, b) = (numbers(m * k, &mut stream), numbers(k * n, &mut stream));
            let before = numbers(m * n, &mut stream);
            for (a_lies, b_lies) in [(false, false), (true, false), (false, true), (true, true)] {
                let whole_a = if a_lies { Matrix::new(&a, m).transposed() } else { Matrix::new(&a, k) };
                let whole_b = if b_lies { Matrix::new(&b, k).transposed() } else { Matrix::new(&b, n) };
                for (scale, adds) in [(1.0, false), (0.25, true)] {
                    let mut whole = before.clone();
                    multiply(whole_a, whole_b, scale, &mut whole, adds);
                    for (row, column) in [(0, 0), (m - 1, n - 1), (17, 100), (64, 3)] {
                        let terms =
                            (0..k).map(|i| f64::from(whole_a.at(row, i)) * f64::from(whole_b.at(i, column)));
                        let start = if adds { f64::from(before[row * n + column]) } else { 0.0 };
                        let wanted = start + f64::from(scale) * terms.sum::<f64>();
                        let error = (f64::from(whole[row * n + column]) - wanted).abs();
                        assert!(error < 1e-6 * k as f64, "{m} {k} {n}: {error}");
                    }
                    for rows in sizes {
                        for columns in sizes {
                            let (first_row, first_column) = (m - rows, (n - columns) / 2);
                            let a = whole_a.row_range(first_row..m);
                            let b = whole_b.column_range(first_column..first_column + columns);
                            let row_of = |row: usize| (first_row + row) * n + first_column;
                            let mut part: Vec<f32> = (0..rows)
                                .flat_map(|row| &before[row_of(row)..][..columns])
                                .copied()
                                .collect();
                            multiply(a, b, scale, &mut part, adds);
                            for (row, part) in part.chunks_exact(columns).enumerate() {
                                let whole = &whole[row_of(row)..][..columns];
                                let is_same = part.iter().zip(whole).all(|(a, b)| a.to_bits() == b.to_bits());
                                assert!(is_same, "{rows} {k} {columns}, {a_lies} {b_lies} {adds}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_multiplied_to_zeros() {
        let mut to = [1.0, 2.0];
        let (a, b) = (Matrix::new(&[], 1).transposed(), Matrix::new(&[], 2));
        add_product(a, b, 1.0, &mut to);
        assert_eq!(to, [1.0, 2.0]);
        product(a, b, 1.0, &mut to);
        assert_eq!(to, [0.0, 0.0]);
        // Rows of no columns can be told apart.
        let none = Matrix::new(&[], 5).transposed().row_range(3..5);
        product(none, Matrix::new(&[], 1), 1.0, &mut to);
        assert_eq!(to, [0.0, 0.0]);
        product(Matrix::new(&[], 3), Matrix::new(&[0.0; 6], 2), 1.0, &mut []);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let data = [1.0; 6];
        let refused = |work: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
        let (three, two) = (Matrix::new(&data, 3), Matrix::new(&data, 2));
        assert!(refused(&|| product(three, three, 1.0, &mut [0.0; 6])));
        assert!(refused(&|| product(three, two, 1.0, &mut [0.0; 6])));
        assert!(refused(&|| _ = Matrix::new(&data, 4)));
        assert!(refused(&|| _ = three.row_range(1..3)));
        assert!(refused(&|| _ = three.column_range(2..4)));
        product(three, two, 1.0, &mut [0.0; 4]);
    }
}

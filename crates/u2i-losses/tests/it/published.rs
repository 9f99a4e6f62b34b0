//! Figures of a reference script in plain Python, whose `cross_entropy` and `bce_with_logits` are PyTorch's
//! definitions. It printed the numbers below; f32 leaves them six digits.
//!
//! ```python
//! import math
//! U = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]
//! V = [[1.0, 0.5], [-0.5, 2.0], [0.25, -1.25], [1.5, 1.0]]
//! dot = lambda a, b: sum(x * y for x, y in zip(a, b))
//! def cross_entropy(logits, t):  # torch.nn.functional.cross_entropy, one row
//!     m = max(logits)
//!     return math.log(sum(math.exp(s - m) for s in logits)) + m - logits[t]
//! t, tau = [2, 0, 1], 0.5
//! print("full", sum(cross_entropy([dot(u, v) / tau for v in V], y) for u, y in zip(U, t)) / 3)
//! q = [math.log(p) for p in (0.5, 0.3, 0.2)]  # in-batch: rows 0..2 of V, distinct items
//! rows = [[dot(u, V[j]) / tau - q[j] for j in range(3)] for u in U]
//! print("in-batch", sum(cross_entropy(row, i) for i, row in enumerate(rows)) / 3)
//! # 8 draws from q = (.1, .2, .3, .4) gave item 1 twice, item 3 once; row 2's positive is item 1
//! n, Q, count = 8, [0.1, 0.2, 0.3, 0.4], {1: 2, 3: 1}
//! rows = []
//! for u, y in zip(U, t):
//!     drawn = [(j, c) for j, c in count.items() if j != y]
//!     s = [dot(u, V[j]) / tau - math.log(n * Q[j]) + math.log(c) for j, c in drawn]
//!     rows.append(cross_entropy([dot(u, V[y]) / tau] + s, 0))
//! print("sampled", sum(rows) / 3)
//! def bce_with_logits(x, y): return max(x, 0) - x * y + math.log1p(math.exp(-abs(x)))
//! P, N = [0.3, -1.2], [[0.1, -0.4], [2.0, -3.0]]
//! pairs = [(x, 1) for x in P] + [(x, 0) for row in N for x in row]
//! print("bce", sum(bce_with_logits(x, y) for x, y in pairs) / 6)
//! ```

use burn::tensor::{Device, Int, Tensor};
use u2i_losses::{Temperature, bce, full_softmax, in_batch_softmax, sampled_softmax};

const USERS: [[f32; 2]; 3] = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]];
const ITEMS: [[f32; 2]; 4] = [[1.0, 0.5], [-0.5, 2.0], [0.25, -1.25], [1.5, 1.0]];

fn users() -> Tensor<2> {
    Tensor::from_floats(USERS, &Device::flex())
}

fn items(rows: &[i32]) -> Tensor<2> {
    let rows = Tensor::<1, Int>::from_ints(rows, &Device::flex());
    Tensor::from_floats(ITEMS, &Device::flex()).select(0, rows)
}

fn check(loss: Tensor<1>, printed: f32) {
    let loss: f32 = loss.into_scalar();
    assert!((loss - printed).abs() <= 1e-6 * printed, "{loss}, the script printed {printed}");
}

fn half() -> Temperature {
    Temperature::new(0.5).unwrap()
}

#[test]
fn full_softmax_is_the_scripts() {
    let targets = Tensor::<1, Int>::from_ints([2, 0, 1], &Device::flex());
    check(full_softmax(users(), items(&[0, 1, 2, 3]), targets, half()), 0.818_250_7);
}

#[test]
fn in_batch_softmax_is_the_scripts() {
    let device = Device::flex();
    let ids = Tensor::<1, Int>::from_ints([0, 1, 2], &device);
    let log_q = Tensor::<1>::from_floats([0.5, 0.3, 0.2], &device).log();
    check(in_batch_softmax(users(), items(&[0, 1, 2]), ids, log_q, half()), 6.320_102);
}

#[test]
fn sampled_softmax_is_the_scripts() {
    let device = Device::flex();
    let hits = Tensor::from_bool([[false, false], [false, false], [true, false]], &device);
    // 8 draws: item 1 (q = .2) came up twice, item 3 (q = .4) once.
    let log_expected = Tensor::<1>::from_floats([8.0 * 0.2 / 2.0, 8.0 * 0.4], &device).log();
    check(
        sampled_softmax(users(), items(&[2, 0, 1]), items(&[1, 3]), hits, log_expected, half()),
        0.464_277_7,
    );
}

#[test]
fn bce_is_the_scripts() {
    let device = Device::flex();
    let positives = Tensor::<1>::from_floats([0.3, -1.2], &device);
    let negatives = Tensor::<2>::from_floats([[0.1, -0.4], [2.0, -3.0]], &device);
    check(bce(positives, negatives), 0.908_427_5);
}

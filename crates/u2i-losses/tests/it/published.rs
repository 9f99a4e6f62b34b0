//! Figures of PyTorch 2.9.1, printed by the script below; f32 leaves them six digits.
//!
//! ```python
//! import torch
//! from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid
//!
//! torch.set_default_dtype(torch.float64)
//! U = torch.tensor([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])
//! V = torch.tensor([[1.0, 0.5], [-0.5, 2.0], [0.25, -1.25], [1.5, 1.0]])
//! t, tau, first = torch.tensor([2, 0, 1]), 0.5, torch.tensor([0])
//! print("full", cross_entropy(U @ V.T / tau, t).item())
//! # In-batch: rows 0..2 of V, distinct items.
//! log_q = torch.tensor([0.5, 0.3, 0.2]).log()
//! print("in-batch", cross_entropy(U @ V[:3].T / tau - log_q, torch.arange(3)).item())
//! # 8 draws from q = (.1, .2, .3, .4) gave item 1 twice, item 3 once; row 2's positive is item 1.
//! q, count = torch.tensor([0.1, 0.2, 0.3, 0.4]), {1: 2, 3: 1}
//! def row(u, y, draws, n):
//!     drawn = [j for j in draws if j != y]
//!     own = torch.cat([(u @ V[y] / tau)[None], *[u @ V[j] / tau - (n * q[j]).log()[None] for j in drawn]])
//!     return cross_entropy(own[None], first)
//! repeated = [1, 1, 3]
//! print("sampled", torch.stack([row(u, y, repeated, 8) for u, y in zip(U, t)]).mean().item())
//! # Draws of each row's own.
//! rows = [[1, 3], [1, 1], [3, 1]]
//! print("rows", torch.stack([row(u, y, d, 2) for u, y, d in zip(U, t, rows)]).mean().item())
//! # Mixed: rows 0..2 of V and 5 draws of q, item 3 twice and item 1 once; each side's corrections by both.
//! p = torch.tensor([0.5, 0.3, 0.2, 0.0])
//! expected = 3 * p + 5 * q
//! logits = U @ V[[0, 1, 2, 3, 3, 1]].T / tau - expected[[0, 1, 2, 3, 3, 1]].log()
//! logits[1, 5] = -torch.inf  # its own item
//! print("mixed", cross_entropy(logits, torch.arange(3)).item())
//! P, N = torch.tensor([0.3, -1.2]), torch.tensor([[0.1, -0.4], [2.0, -3.0]])
//! labels = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
//! print("bce", binary_cross_entropy_with_logits(torch.cat([P, N.flatten()]), labels).item())
//! print("bpr", -logsigmoid(P[:, None] - N).mean().item())
//! ```

use burn::tensor::{Device, Int, Tensor};
use u2i_losses::{
    Temperature, bce, bpr, full_softmax, in_batch_softmax, mixed_softmax, sampled_softmax,
    sampled_softmax_rows,
};

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

#[test]
fn sampled_softmax_of_rows_is_the_scripts() {
    let device = Device::flex();
    let negatives = items(&[1, 3, 1, 1, 3, 1]).reshape([3, 2, 2]);
    let hits = Tensor::from_bool([[false, false], [false, false], [false, true]], &device);
    let log_expected = Tensor::<2>::from_floats([[0.4, 0.8], [0.4, 0.4], [0.8, 0.4]], &device).log();
    let loss = sampled_softmax_rows(users(), items(&[2, 0, 1]), negatives, hits, log_expected, half());
    check(loss, 0.026_004_898);
}

#[test]
fn mixed_softmax_is_the_scripts() {
    let device = Device::flex();
    let (ids, negative_ids) = (Tensor::from_ints([0, 1, 2], &device), Tensor::from_ints([3, 1], &device));
    // Three rows of p = (.5, .3, .2, 0) and five draws of q = (.1, .2, .3, .4), which gave item 3 twice.
    let expected = Tensor::<1>::from_floats([2.0, 1.9, 2.1], &device).log();
    let of_negatives = Tensor::<1>::from_floats([2.0 / 2.0, 1.9], &device).log();
    let corrections = (expected, of_negatives);
    let loss =
        mixed_softmax(users(), items(&[0, 1, 2]), ids, items(&[3, 1]), negative_ids, corrections, half());
    check(loss, 7.568_899_7);
}

#[test]
fn bpr_is_the_scripts() {
    let device = Device::flex();
    let positives = Tensor::<1>::from_floats([0.3, -1.2], &device);
    let negatives = Tensor::<2>::from_floats([[0.1, -0.4], [2.0, -3.0]], &device);
    check(bpr(positives, negatives), 1.098_564);
}

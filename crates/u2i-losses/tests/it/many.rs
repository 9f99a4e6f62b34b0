//! Each loss on 100,000 random rows, and masks on 50,000 random batches.
//!
//! Here the oracle's gradients are formulas, fast enough for so many; `losses` takes finite differences.

use burn::tensor::{Device, Tensor};
use u2i_losses::{
    bce, bpr, full_softmax, in_batch_softmax, mixed_softmax, sampled_softmax, sampled_softmax_rows,
};
use u2i_random::Stream;

use crate::losses::{floats, ints, marks, temperature, tensor};
use crate::oracle::{Matrix, Softmax, Solution, bound, softplus, stream};

const ROWS: usize = 100_000;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// `max|found - wanted| <= 1e-5 · max|wanted|`, the promise for logits within ±30, or less than `lost`.
fn assert_close(what: &str, found: &[f32], wanted: &[f64], lost: f64) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let most = wanted.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
    for (i, (&found, wanted)) in found.iter().zip(wanted).enumerate() {
        let error = (f64::from(found) - wanted).abs();
        assert!(error <= lost.max(1e-5 * most), "{what}, {i}: {found}, wanted {wanted}, of at most {most}");
    }
}

/// A loss with some inputs that have gradients.
struct Case<'a> {
    inputs: &'a [Matrix],
    loss: &'a dyn Fn(&[Tensor<2>]) -> Tensor<1>,
}

impl Case<'_> {
    /// The loss, and its gradient by each input.
    fn run(&self) -> (f32, Vec<Vec<f32>>) {
        let device = Device::flex().autodiff();
        let leaves: Vec<Tensor<2>> = self.inputs.iter().map(|m| tensor(m, &device).require_grad()).collect();
        let loss = (self.loss)(&leaves);
        let gradients = loss.backward();
        (loss.into_scalar(), leaves.iter().map(|leaf| floats(leaf.grad(&gradients).unwrap())).collect())
    }
}

/// What a batch is made of.
struct Batch {
    rows: usize,
    negatives: usize,
    dim: usize,
    temperature: f32,
}

impl Batch {
    /// Of at most `most` rows, negatives and dimensions.
    fn random([rows, negatives, dim]: [usize; 3], stream: &mut Stream) -> Self {
        let [rows, negatives, dim] = [rows, negatives, dim].map(|most| 1 + stream.index(most));
        Batch { rows, negatives, dim, temperature: stream.uniform(0.01, 2.0) as f32 }
    }
}

/// Vectors of `[rows, dim]`.
type Vectors<'a> = &'a dyn Fn(usize, &Batch, &mut Stream) -> Matrix;

/// Inner products divided by the temperature are within ±30.
fn moderate(rows: usize, batch: &Batch, stream: &mut Stream) -> Matrix {
    Matrix::random(rows, batch.dim, bound(batch.dim, batch.temperature), stream)
}

/// Inner products are up to ±10⁴, and those of rows of equal signs reach them.
fn extreme(rows: usize, batch: &Batch, stream: &mut Stream) -> Matrix {
    let most = (1e4 / batch.dim as f64).sqrt();
    let row = |_| {
        let kind = stream.index(4);
        let length = 10f64.powf(stream.uniform(-40.0, 0.0));
        let sign = if stream.unit() < 0.5 { most } else { -most };
        let mut value = || match kind {
            0 | 1 => sign,
            2 => stream.uniform(-most, most),
            _ => length * stream.uniform(-most, most),
        };
        (0..batch.dim).map(|_| value() as f32).collect::<Vec<_>>()
    };
    Matrix { columns: batch.dim, values: (0..rows).flat_map(row).collect() }
}

/// What came out, and what should have: a loss and its gradient by each input.
struct Outcome {
    found: (f32, Vec<Vec<f32>>),
    wanted: (f64, Vec<Vec<f64>>),
    /// How large the terms are that a gradient is the sum of.
    sizes: Vec<f64>,
}

impl Outcome {
    /// Where the terms of a gradient cancel, f32 may lose a share of them.
    fn check(&self, what: &str, lost_of_terms: f64) {
        assert_close(&format!("{what}, value"), &[self.found.0], &[self.wanted.0], 0.0);
        assert_eq!(self.found.1.len(), self.wanted.1.len());
        for (i, (found, wanted)) in self.found.1.iter().zip(&self.wanted.1).enumerate() {
            assert_close(&format!("{what}, gradient {i}"), found, wanted, lost_of_terms * self.sizes[i]);
        }
    }
}

/// The outcome of a loss for a batch, with a share of hits.
type Loss = dyn Fn(&Batch, Vectors<'_>, f64, &mut Stream) -> Outcome;

/// `hit_rate` is the share of negatives that are none.
fn sampled(batch: &Batch, vectors: Vectors<'_>, hit_rate: f64, stream: &mut Stream) -> Outcome {
    let Batch { rows, negatives: n, dim, temperature: tau } = *batch;
    let inputs = [rows, rows, n].map(|rows| vectors(rows, batch, stream));
    let hits: Vec<bool> = (0..rows * n).map(|_| stream.unit() < hit_rate).collect();
    let corrections = Matrix::random(1, n, 3.0, stream);
    let loss = |x: &[Tensor<2>]| {
        let device = Device::flex();
        let [users, positives, negatives] = [0, 1, 2].map(|i| x[i].clone());
        let log_expected = tensor(&corrections, &device).squeeze_dim(0);
        let hits = marks(hits.clone(), n, &device);
        sampled_softmax(users, positives, negatives, hits, log_expected, temperature(tau))
    };
    let [users, positives, negatives] = [0, 1, 2].map(|i: usize| wide(&inputs[i].values));
    let Solution { loss: wanted, gradients, sizes } = Softmax {
        dim,
        temperature: f64::from(tau),
        users: &users,
        positives: &positives,
        negatives: &negatives,
        is_hit: &|i, j| hits[i * n + j],
        positive_offset: &|_| 0.0,
        negative_offset: &|j| f64::from(corrections.values[j]),
    }
    .solve();
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, gradients.to_vec()),
        sizes: sizes.to_vec(),
    }
}

/// Where positives and negatives are rows of the same items.
fn both([users, positives, negatives]: [f64; 3]) -> Vec<f64> {
    vec![users, positives.max(negatives)]
}

/// `hit_rate` is the share of rows whose item is the same one.
fn in_batch(batch: &Batch, vectors: Vectors<'_>, hit_rate: f64, stream: &mut Stream) -> Outcome {
    let Batch { rows, dim, temperature: tau, .. } = *batch;
    let inputs = [rows, rows].map(|rows| vectors(rows, batch, stream));
    let mut id = |row: usize| if stream.unit() < hit_rate { 0 } else { 1 + row as i64 / 2 };
    let ids: Vec<i64> = (0..rows).map(&mut id).collect();
    let log_q = Matrix::random(1, rows, 3.0, stream);
    let loss = |x: &[Tensor<2>]| {
        let device = Device::flex();
        let log_q = tensor(&log_q, &device).squeeze_dim(0);
        in_batch_softmax(x[0].clone(), x[1].clone(), ints(&ids, &device), log_q, temperature(tau))
    };
    let [users, items] = [0, 1].map(|i: usize| wide(&inputs[i].values));
    let offset = |j: usize| f64::from(log_q.values[j]);
    let Solution { loss: wanted, gradients: [by_users, as_positives, as_negatives], sizes } = Softmax {
        dim,
        temperature: f64::from(tau),
        users: &users,
        positives: &items,
        negatives: &items,
        is_hit: &|i, j| ids[i] == ids[j],
        positive_offset: &offset,
        negative_offset: &offset,
    }
    .solve();
    let by_items = as_positives.iter().zip(as_negatives).map(|(a, b)| a + b).collect();
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, vec![by_users, by_items]),
        sizes: both(sizes),
    }
}

/// To the oracle the negatives of a row are hits of all other rows.
fn of_rows(batch: &Batch, vectors: Vectors<'_>, hit_rate: f64, stream: &mut Stream) -> Outcome {
    let Batch { rows, dim, temperature: tau, .. } = *batch;
    let n = 1 + stream.index(batch.negatives.min(8));
    let mut inputs = [rows, rows, rows * n].map(|rows| vectors(rows, batch, stream));
    let hits: Vec<bool> = (0..rows * n).map(|_| stream.unit() < hit_rate).collect();
    let corrections = Matrix::random(rows, n, 3.0, stream);
    let [users, positives, negatives] = [0, 1, 2].map(|i: usize| wide(&inputs[i].values));
    let Solution { loss: wanted, gradients, sizes } = Softmax {
        dim,
        temperature: f64::from(tau),
        users: &users,
        positives: &positives,
        negatives: &negatives,
        is_hit: &|i, j| j / n != i || hits[j],
        positive_offset: &|_| 0.0,
        negative_offset: &|j| f64::from(corrections.values[j]),
    }
    .solve();
    // As matrices, one row of the batch in a row.
    inputs[2].columns = n * dim;
    let loss = |x: &[Tensor<2>]| {
        let device = Device::flex();
        let negatives = x[2].clone().reshape([rows, n, dim]);
        let (hits, log_expected) = (marks(hits.clone(), n, &device), tensor(&corrections, &device));
        sampled_softmax_rows(x[0].clone(), x[1].clone(), negatives, hits, log_expected, temperature(tau))
    };
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, gradients.to_vec()),
        sizes: sizes.to_vec(),
    }
}

/// `hit_rate` is the share of rows and of negatives whose item is the same one.
fn mixed(batch: &Batch, vectors: Vectors<'_>, hit_rate: f64, stream: &mut Stream) -> Outcome {
    let Batch { rows, negatives: n, dim, temperature: tau } = *batch;
    let inputs = [rows, rows, n].map(|rows| vectors(rows, batch, stream));
    let mut id = |row: usize| if stream.unit() < hit_rate { 0 } else { 1 + row as i64 / 2 };
    let ids: Vec<i64> = (0..rows + n).map(&mut id).collect();
    let corrections = Matrix::random(1, rows + n, 3.0, stream);
    let loss = |x: &[Tensor<2>]| {
        let device = Device::flex();
        let [users, items, negatives] = [0, 1, 2].map(|i| x[i].clone());
        let log_expected: Tensor<1> = tensor(&corrections, &device).squeeze_dim(0);
        let both = (log_expected.clone().narrow(0, 0, rows), log_expected.narrow(0, rows, n));
        let (own, others) = (ints(&ids[..rows], &device), ints(&ids[rows..], &device));
        mixed_softmax(users, items, own, negatives, others, both, temperature(tau))
    };
    let [users, items, negatives] = [0, 1, 2].map(|i: usize| wide(&inputs[i].values));
    let candidates = [&items[..], &negatives].concat();
    let offset = |j: usize| f64::from(corrections.values[j]);
    let Solution { loss: wanted, gradients: [by_users, as_positives, as_negatives], sizes } = Softmax {
        dim,
        temperature: f64::from(tau),
        users: &users,
        positives: &items,
        negatives: &candidates,
        is_hit: &|i, j| ids[i] == ids[j],
        positive_offset: &offset,
        negative_offset: &offset,
    }
    .solve();
    let (of_items, by_negatives) = as_negatives.split_at(rows * dim);
    let by_items = as_positives.iter().zip(of_items).map(|(a, b)| a + b).collect();
    let [of_users, of_items] = both(sizes).try_into().unwrap();
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, vec![by_users, by_items, by_negatives.to_vec()]),
        sizes: vec![of_users, of_items, of_items],
    }
}

fn full(batch: &Batch, vectors: Vectors<'_>, _: f64, stream: &mut Stream) -> Outcome {
    let Batch { rows, negatives: n, dim, temperature: tau } = *batch;
    let inputs = [rows, n].map(|rows| vectors(rows, batch, stream));
    let targets: Vec<i64> = (0..rows).map(|_| stream.index(n) as i64).collect();
    let loss = |x: &[Tensor<2>]| {
        full_softmax(x[0].clone(), x[1].clone(), ints(&targets, &Device::flex()), temperature(tau))
    };
    let [users, items] = [0, 1].map(|i: usize| wide(&inputs[i].values));
    let positives: Vec<f64> =
        targets.iter().flat_map(|&target| &items[target as usize * dim..][..dim]).copied().collect();
    let Solution { loss: wanted, gradients: [by_users, as_positives, mut by_items], sizes } = Softmax {
        dim,
        temperature: f64::from(tau),
        users: &users,
        positives: &positives,
        negatives: &items,
        is_hit: &|i, j| targets[i] as usize == j,
        positive_offset: &|_| 0.0,
        negative_offset: &|_| 0.0,
    }
    .solve();
    for (row, &target) in targets.iter().enumerate() {
        for d in 0..dim {
            by_items[target as usize * dim + d] += as_positives[row * dim + d];
        }
    }
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, vec![by_users, by_items]),
        sizes: both(sizes),
    }
}

/// The scores of positives and negatives are the inputs themselves.
fn scores(batch: &Batch, vectors: Vectors<'_>, stream: &mut Stream) -> [Matrix; 2] {
    [1, batch.negatives].map(|columns| {
        let one = Batch { dim: 1, temperature: 1.0, ..*batch };
        let square = |x: f32| x * x.abs();
        let values = vectors(batch.rows * columns, &one, stream).values.into_iter().map(square).collect();
        Matrix { columns, values }
    })
}

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

fn pointwise(batch: &Batch, vectors: Vectors<'_>, _: f64, stream: &mut Stream) -> Outcome {
    let inputs = scores(batch, vectors, stream);
    let loss = |x: &[Tensor<2>]| bce(x[0].clone().squeeze_dim(1), x[1].clone());
    let [positives, negatives] = [0, 1].map(|i: usize| wide(&inputs[i].values));
    let n_pairs = (batch.rows * (1 + batch.negatives)) as f64;
    let terms = positives.iter().map(|s| softplus(-s)).chain(negatives.iter().map(|&s| softplus(s)));
    let wanted = terms.sum::<f64>() / n_pairs;
    let by_positives = positives.iter().map(|&s| -sigmoid(-s) / n_pairs).collect();
    let by_negatives = negatives.iter().map(|&s| sigmoid(s) / n_pairs).collect();
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, vec![by_positives, by_negatives]),
        sizes: vec![0.0; 2],
    }
}

fn pairwise(batch: &Batch, vectors: Vectors<'_>, _: f64, stream: &mut Stream) -> Outcome {
    let n = batch.negatives;
    let inputs = scores(batch, vectors, stream);
    let loss = |x: &[Tensor<2>]| bpr(x[0].clone().squeeze_dim(1), x[1].clone());
    let [positives, negatives] = [0, 1].map(|i: usize| wide(&inputs[i].values));
    let n_pairs = negatives.len() as f64;
    let behind: Vec<f64> = negatives.iter().enumerate().map(|(i, s)| s - positives[i / n]).collect();
    let wanted = behind.iter().map(|&s| softplus(s)).sum::<f64>() / n_pairs;
    let by_negatives: Vec<f64> = behind.iter().map(|&s| sigmoid(s) / n_pairs).collect();
    let by_positives = by_negatives.chunks(n).map(|row| -row.iter().sum::<f64>()).collect();
    Outcome {
        found: Case { inputs: &inputs, loss: &loss }.run(),
        wanted: (wanted, vec![by_positives, by_negatives]),
        sizes: vec![0.0; 2],
    }
}

/// Those that mask negatives first.
const LOSSES: [(&str, &Loss); 7] = [
    ("sampled", &sampled),
    ("rows", &of_rows),
    ("in-batch", &in_batch),
    ("mixed", &mixed),
    ("full", &full),
    ("bce", &pointwise),
    ("bpr", &pairwise),
];

const MASKING: usize = 4;

#[test]
fn with_logits_within_30_every_loss_and_gradient_is_its_oracles() {
    for (name, loss) in LOSSES {
        let mut stream = stream(1);
        let (mut rows, mut step) = (0, 0);
        while rows < ROWS {
            // Few negatives are often far below their positive, and single rows hide no small loss in a mean.
            let most = if step % 4 == 0 { [1, 2, 8] } else { [64, 96, 48] };
            let batch = Batch::random(most, &mut stream);
            loss(&batch, &moderate, 0.1, &mut stream).check(&format!("{name} {step}"), 0.0);
            (rows, step) = (rows + batch.rows, step + 1);
        }
    }
}

/// Scores reach ±10⁴ before a temperature of 0.01, which makes logits of ±10⁶.
#[test]
fn with_scores_up_to_ten_thousand_every_loss_and_gradient_is_finite() {
    for (name, loss) in LOSSES {
        let mut stream = stream(2);
        let (mut rows, mut step, mut highest) = (0, 0, 0f32);
        while rows < ROWS {
            let batch = Batch { temperature: 0.01, ..Batch::random([64, 96, 16], &mut stream) };
            let Outcome { found: (value, gradients), wanted: (wanted, _), .. } =
                loss(&batch, &extreme, 0.1, &mut stream);
            assert!(value.is_finite() && value >= 0.0, "{name} {step}: {value}");
            // Logits of a million are known to a sixteenth.
            let error = (f64::from(value) - wanted).abs();
            assert!(error <= 1.0 + 1e-5 * wanted, "{name} {step}: {value}, wanted {wanted}");
            let finite = gradients.iter().flatten().all(|g| g.is_finite());
            assert!(finite, "{name} {step}: {gradients:?}");
            (rows, step, highest) = (rows + batch.rows, step + 1, highest.max(value));
        }
        let reached = if name == "bce" || name == "bpr" { 5e3 } else { 1e6 };
        assert!(highest >= reached, "{name}: the scores were not as high as they are said to be, {highest}");
    }
}

/// Batches of one to six rows, with none to all of their negatives masked.
#[test]
fn masked_negatives_are_in_no_loss_and_no_gradient_of_50000_batches() {
    for (name, loss) in &LOSSES[..MASKING] {
        let mut stream = stream(3);
        let (mut of_one, mut without) = (0, 0);
        for step in 0..50_000 {
            let batch = Batch::random([if step % 4 == 0 { 1 } else { 6 }, 6, 3], &mut stream);
            let hit_rate = [0.1, 0.5, 0.9, 1.0][stream.index(4)];
            let outcome = loss(&batch, &moderate, hit_rate, &mut stream);
            // Of few and short vectors one may be near another: then next to nothing is left of their difference.
            outcome.check(&format!("{name} {step}"), 1e-6);
            let Outcome { found: (value, found), wanted: (wanted, gradients), .. } = outcome;
            // A row without negatives has no gradient at all, and a batch of such rows no loss.
            for (found, wanted) in found[0].chunks(batch.dim).zip(gradients[0].chunks(batch.dim)) {
                if wanted.iter().all(|&g| g == 0.0) {
                    assert!(found.iter().all(|&g| g == 0.0), "{name} {step}: {found:?}");
                    without += 1;
                }
            }
            assert!(wanted > 0.0 || value == 0.0, "{name} {step}: {value}");
            of_one += usize::from(batch.rows == 1);
        }
        assert!(
            of_one > 10_000 && without > 10_000,
            "{name}: {of_one} of one row, {without} without negatives"
        );
    }
}

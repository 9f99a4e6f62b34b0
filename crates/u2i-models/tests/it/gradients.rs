//! Gradients against finite differences of an f64 reference, and of vectors so short that they have no direction.

use u2i_models::burn::module::{Module, ModuleVisitor, Param};
use u2i_models::burn::optim::GradientsParams;
use u2i_models::burn::tensor::{Tensor, TensorData};
use u2i_models::{HistoryConfig, HistoryInput, Init, Normalization, PoolingConfig, Table, UserBatch};
use u2i_random::{Purpose, Stream};
use u2i_schema::{PADDING, Slot, UserRows};

use crate::fixture::device;
use crate::host;

fn stream(step: u64) -> Stream {
    Stream::new(0, Purpose::SYNTHETIC, 60, step)
}

fn tensor(values: &[f32], columns: usize) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [values.len() / columns, columns]);
    Tensor::from_data(data, &device().autodiff())
}

/// One chunk after another: `[chunks, length + targets - 1]` events, the oldest places padded, some targets asked for.
struct Histories {
    length: usize,
    rows: UserRows,
}

impl Histories {
    fn random(n_rows: usize, stream: &mut Stream) -> Self {
        let (length, targets, chunks) = (1 + stream.index(6), 1 + stream.index(4), 1 + stream.index(4));
        let width = length + targets - 1;
        let mut history = vec![PADDING; chunks * width];
        for chunk in history.chunks_exact_mut(width) {
            let padded = stream.index(width + 1);
            chunk[padded..].iter_mut().for_each(|row| *row = 1 + stream.index(n_rows - 1) as u32);
        }
        let mut places: Vec<u32> = (0..(chunks * targets) as u32).filter(|_| stream.unit() < 0.8).collect();
        if places.is_empty() {
            places.push(0);
        }
        let batch = places.len();
        let rows = UserRows {
            chunks,
            targets,
            history_len: length,
            history,
            user: vec![],
            request: vec![],
            places,
            n_earlier: vec![0; batch],
            example_age_days: vec![0.0; batch],
        };
        Histories { length, rows }
    }

    /// For each target its events as `(lag, row)`.
    fn windows(&self) -> Vec<Vec<(usize, usize)>> {
        let UserRows { targets, chunks, history, places, .. } = &self.rows;
        let width = history.len() / chunks;
        let window = |&place: &u32| {
            let (chunk, first) = (place as usize / targets, place as usize % targets);
            let seen = &history[chunk * width + first..][..self.length];
            let events = seen.iter().enumerate().filter(|&(_, &row)| row != PADDING);
            events.map(|(at, &row)| (self.length - 1 - at, row as usize)).collect()
        };
        places.iter().map(window).collect()
    }
}

/// `[heads * dim]` of one window, as [`PoolingConfig`] says it in words.
fn pool(
    pooling: &PoolingConfig,
    window: &[(usize, usize)],
    table: &[f64],
    log_weights: &[f64],
    dim: usize,
    length: usize,
) -> Vec<f64> {
    let n = window.len().max(1) as f64;
    let column = |d: usize| window.iter().map(move |&(_, row)| table[row * dim + d]);
    let each = |f: &dyn Fn(usize) -> f64| (0..dim).map(f).collect::<Vec<f64>>();
    match pooling {
        PoolingConfig::Sum {} => each(&|d| column(d).sum()),
        PoolingConfig::Mean {} => each(&|d| column(d).sum::<f64>() / n),
        PoolingConfig::SqrtN {} => each(&|d| column(d).sum::<f64>() / n.sqrt()),
        PoolingConfig::Max {} => each(&|d| column(d).reduce(f64::max).unwrap_or(0.0)),
        PoolingConfig::Recency { .. } => {
            let heads = log_weights.chunks_exact(length).map(|log_weights| {
                let weight = |lag: usize| log_weights[lag].exp();
                let total: f64 = window.iter().map(|&(lag, _)| weight(lag)).sum();
                let sum =
                    |d| window.iter().map(|&(lag, row)| weight(lag) * table[row * dim + d]).sum::<f64>();
                each(&|d| if window.is_empty() { 0.0 } else { sum(d) / total })
            });
            heads.flatten().collect()
        }
    }
}

/// Central differences of `f` by each of `at`.
fn differences(mut at: Vec<f64>, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    (0..at.len())
        .map(|i| {
            let here = at[i];
            at[i] = here + step;
            let above = f(&at);
            at[i] = here - step;
            let below = f(&at);
            at[i] = here;
            (above - below) / (2.0 * step)
        })
        .collect()
}

/// The promise is 10⁻³ of the largest. f32 keeps 10⁻⁵ of it, and 10⁻⁶ of the terms of about 1 where these cancel.
fn assert_close(what: &str, found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let bound = wanted.iter().fold(1e-6, |bound: f64, w| bound.max(1e-5 * w.abs()));
    let close = found.iter().zip(wanted).all(|(&f, w)| (f64::from(f) - w).abs() <= bound);
    assert!(close, "{what}: off by more than {bound}\nfound  {found:?}\nwanted {wanted:?}");
}

/// The gradient of the one parameter that a pooling has, if it has one.
struct Own<'a>(&'a GradientsParams, Vec<f32>);

impl ModuleVisitor for Own<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.1 = self.0.get::<D>(param.id).map_or(Vec::new(), host);
    }
}

#[test]
fn pooling_and_its_gradients_are_those_of_its_formula_on_200_shapes() {
    for step in 0..200 {
        let mut stream = stream(step);
        let (n_rows, dim) = (2 + stream.index(7), 1 + stream.index(5));
        let histories = Histories::random(n_rows, &mut stream);
        let length = histories.length;
        let slopes: Vec<f64> = (0..=stream.index(3)).map(|_| stream.uniform(-0.5, 2.0)).collect();
        let pooling = match step % 5 {
            0 => PoolingConfig::Mean {},
            1 => PoolingConfig::Sum {},
            2 => PoolingConfig::Max {},
            3 => PoolingConfig::SqrtN {},
            _ => PoolingConfig::Recency { slopes: slopes.clone() },
        };
        let what = format!("shape {step}, {pooling:?}");

        let mut init = Init::new(step, &device().autodiff());
        let input = Some(HistoryInput { length, shares_item_id: false });
        let config = HistoryConfig { pooling: pooling.clone(), dropout: 0.0 };
        let module = config.init(input, &mut init).unwrap();
        let table = Table::new(n_rows, dim, 1.0, [Slot::History], &mut init);
        let values = host(table.weight.val().inner());
        let tables = [table];
        let users = UserBatch::new(&histories.rows, None, &device().autodiff());
        let pooled = module.forward(&tables, &users, 0);
        let [batch, width] = pooled.dims();
        let weights: Vec<f32> = (0..batch * width).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
        let gradients = (pooled.clone() * tensor(&weights, width)).sum().backward();
        let found_table = host(tables[0].weight.val().grad(&gradients).unwrap());
        let mut own = Own(&GradientsParams::from_grads(gradients, &module), Vec::new());
        module.visit(&mut own);

        let windows = histories.windows();
        let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let log_weights: Vec<f64> = match pooling {
            PoolingConfig::Recency { .. } => slopes
                .iter()
                .flat_map(|slope| (0..length).map(move |lag| f64::from((-slope * lag as f64) as f32)))
                .collect(),
            _ => vec![],
        };
        let vectors = |table: &[f64], log_weights: &[f64]| -> Vec<f64> {
            windows
                .iter()
                .flat_map(|window| pool(&pooling, window, table, log_weights, dim, length))
                .collect()
        };
        let loss = |table: &[f64], log_weights: &[f64]| -> f64 {
            vectors(table, log_weights).iter().zip(&weights).map(|(x, &w)| x * f64::from(w)).sum()
        };
        let table = wide(&values);
        assert_close(&format!("{what}, value"), &host(pooled.inner()), &vectors(&table, &log_weights));
        let wanted = differences(table.clone(), |table| loss(table, &log_weights));
        assert_close(&format!("{what}, table"), &found_table, &wanted);
        let wanted = differences(log_weights, |log_weights| loss(&table, log_weights));
        assert_close(&format!("{what}, log-weights"), &own.1, &wanted);
    }
}

/// 100,000 rows: zeros, subnormals, and lengths from 10⁻⁴⁵ to 10⁴. With `n = max(‖x‖, 10⁻⁶)` and `y = x / n`, what
/// comes back for a gradient `g` is `(g - y ⟨y, g⟩) / n`, and `g / n` below 10⁻⁶.
#[test]
fn vectors_of_any_length_down_to_zero_have_finite_directions_and_gradients() {
    for step in 0..100 {
        let mut stream = stream(1_000 + step);
        let (rows, dim) = (1_000, 1 + stream.index(32));
        let mut x: Vec<f32> = Vec::with_capacity(rows * dim);
        for _ in 0..rows {
            let length = match stream.index(4) {
                0 => 0.0,
                1 => 10f64.powf(stream.uniform(-8.0, -5.0)),
                _ => 10f64.powf(stream.uniform(-45.0, 4.0)),
            };
            x.extend((0..dim).map(|_| (stream.normal() * length) as f32));
        }
        let g: Vec<f32> = (0..rows * dim).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
        let input = tensor(&x, dim).require_grad();
        let output = Normalization::L2.apply(input.clone());
        let gradients = (output.clone() * tensor(&g, dim)).sum().backward();
        let (y, back) = (host(output.inner()), host(input.grad(&gradients).unwrap()));
        assert!(y.iter().chain(&back).all(|value| value.is_finite()), "step {step}, dim {dim}");

        let rows = x.chunks_exact(dim).zip(g.chunks_exact(dim));
        for ((x, g), (y, back)) in rows.zip(y.chunks_exact(dim).zip(back.chunks_exact(dim))) {
            let length = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            if (length - 1e-6).abs() < 1e-9 {
                continue; // Rounding decides on which side of the kink f32 is.
            }
            let n = length.max(1e-6);
            let along: f64 = x.iter().zip(g).map(|(&x, &g)| f64::from(x) / n * f64::from(g)).sum();
            for d in 0..dim {
                let direction = f64::from(x[d]) / n;
                let tangent = if length > 1e-6 { direction * along } else { 0.0 };
                let wanted = (f64::from(g[d]) - tangent) / n;
                assert!((f64::from(y[d]) - direction).abs() <= 1e-6, "{} of {x:?}", y[d]);
                assert!((f64::from(back[d]) - wanted).abs() <= 1e-5 / n, "{} of {x:?}: {wanted}", back[d]);
            }
        }
    }
}

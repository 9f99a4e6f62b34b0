//! Gradients against finite differences of an f64 reference, and of vectors so short that they have no direction.

use std::cell::RefCell;

use u2i_models::burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use u2i_models::burn::optim::GradientsParams;
use u2i_models::burn::tensor::{Tensor, TensorData};
use u2i_models::{
    HistoryInput, Init, Noise, Normalization, PooledHistoryConfig, PoolingConfig, Table, UserBatch,
};
use u2i_random::{Purpose, Stream};
use u2i_schema::{PADDING, Slot, UserRows};

use crate::fixture::{device, on_both_ways};
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
        // What a batch tells of time is up to the test: any interval but that of padding.
        let gaps = (0..chunks * targets * width).map(|_| stream.index(4) as u32).collect();
        let rows = UserRows::new(chunks, targets, places).with_history(length, history).with_gaps(gaps);
        Histories { length, rows }
    }

    /// For each target its events as `(lag, row, interval)`.
    fn windows(&self) -> Vec<Vec<(usize, usize, usize)>> {
        let UserRows { targets, chunks, history, places, .. } = &self.rows;
        let width = history.len() / chunks;
        let window = |&place: &u32| {
            let (chunk, first) = (place as usize / targets, place as usize % targets);
            let seen = &history[chunk * width + first..][..self.length];
            let events = seen.iter().enumerate().filter(|&(_, &row)| row != PADDING);
            let gaps = &self.rows.gaps[place as usize * width + first..];
            events.map(|(at, &row)| (self.length - 1 - at, row as usize, gaps[at] as usize)).collect()
        };
        places.iter().map(window).collect()
    }
}

/// `[heads * dim]` of one window, as [`PoolingConfig`] says it in words. `tables` are one after another, one or one per head.
/// `own` are a pooling's parameters: log-weights of each head, then queries of `[dim, heads]`.
fn pool(
    pooling: &PoolingConfig,
    window: &[(usize, usize, usize)],
    (n_tables, tables): (usize, &[f64]),
    own: &[f64],
    dim: usize,
    length: usize,
) -> Vec<f64> {
    let n = window.len().max(1) as f64;
    let table = |head: usize| &tables[head % n_tables * (tables.len() / n_tables)..];
    let column = |d: usize| window.iter().map(move |&(_, row, _)| tables[row * dim + d]);
    let each = |f: &dyn Fn(usize) -> f64| (0..dim).map(f).collect::<Vec<f64>>();
    match pooling {
        PoolingConfig::Sum {} => each(&|d| column(d).sum()),
        PoolingConfig::Mean {} => each(&|d| column(d).sum::<f64>() / n),
        PoolingConfig::SqrtN {} => each(&|d| column(d).sum::<f64>() / n.sqrt()),
        PoolingConfig::Max {} => each(&|d| column(d).reduce(f64::max).unwrap_or(0.0)),
        PoolingConfig::Recency { slopes } | PoolingConfig::Attention { slopes } => {
            let (log_weights, own) = own.split_at(slopes.len() * length);
            let is_attentive = matches!(pooling, PoolingConfig::Attention { .. });
            let (queries, by_gap) = own.split_at(if is_attentive { slopes.len() * dim } else { 0 });
            let bounded = |z: f64| 5.0 * (z / 5.0).tanh();
            let attended = |row: usize, head: usize| {
                let vector = &table(head)[row * dim..];
                let products = queries.chunks_exact(slopes.len()).zip(vector).map(|(q, x)| q[head] * x);
                bounded(products.sum::<f64>())
            };
            let aged =
                |gap: usize, head: usize| by_gap.get(head * 4 + gap).map_or(0.0, |&weight| bounded(weight));
            let heads = log_weights.chunks_exact(length).enumerate().map(|(head, log_weights)| {
                let weight = |&(lag, row, gap): &(usize, usize, usize)| {
                    (log_weights[lag] + attended(row, head) + aged(gap, head)).exp()
                };
                let total: f64 = window.iter().map(weight).sum();
                let number = |event: &(usize, usize, usize), d: usize| table(head)[event.1 * dim + d];
                let sum = |d| window.iter().map(|event| weight(event) * number(event, d)).sum::<f64>();
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
    assert_close_of(1.0, what, found, wanted);
}

/// Fails unless the numbers are close, where terms of about `terms` may cancel.
fn assert_close_of(terms: f64, what: &str, found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let bound = wanted.iter().fold(1e-6 * terms, |bound: f64, w| bound.max(1e-5 * w.abs()));
    let close = found.iter().zip(wanted).all(|(&f, w)| (f64::from(f) - w).abs() <= bound);
    assert!(close, "{what}: off by more than {bound}\nfound  {found:?}\nwanted {wanted:?}");
}

/// The parameters that a pooling has, and their gradients.
struct Own<'a> {
    gradients: &'a GradientsParams,
    values: Vec<f32>,
    found: Vec<f32>,
}

impl ModuleVisitor for Own<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.values.extend(host(param.val()));
        self.found.extend(host(self.gradients.get::<D>(param.id).expect("each has a gradient")));
    }
}

/// Weights that start at zero are drawn, so that they matter.
struct Draws<'a>(&'a mut Stream);

impl ModuleMapper for Draws<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let draws = &mut *self.0;
        param.map(|tensor| {
            let shape = tensor.dims();
            let values: Vec<f32> =
                host(tensor.clone()).iter().map(|_| draws.uniform(-1.0, 1.0) as f32).collect();
            let is_zero = host(tensor.clone()).iter().all(|&value| value == 0.0);
            match is_zero {
                true => Tensor::from_data(TensorData::new(values, shape), &tensor.device()).require_grad(),
                false => tensor,
            }
        })
    }
}

#[test]
fn pooling_and_its_gradients_are_those_of_its_formula_on_320_shapes() {
    on_both_ways(pooling_is_its_formula);
}

fn pooling_is_its_formula() {
    for step in 0..320 {
        let mut stream = stream(step);
        let (n_rows, dim) = (2 + stream.index(7), 1 + stream.index(5));
        let histories = Histories::random(n_rows, &mut stream);
        let length = histories.length;
        let slopes: Vec<f64> = (0..=stream.index(3)).map(|_| stream.uniform(-0.5, 2.0)).collect();
        let pooling = match step % 8 {
            0 => PoolingConfig::Mean {},
            1 => PoolingConfig::Sum {},
            2 => PoolingConfig::Max {},
            3 => PoolingConfig::SqrtN {},
            4 | 6 => PoolingConfig::Recency { slopes: slopes.clone() },
            _ => PoolingConfig::Attention { slopes: slopes.clone() },
        };
        let what = format!("shape {step}, {pooling:?}");

        let mut init = Init::new(step, &device().autodiff());
        let gap_edges_s = if step % 8 >= 6 { vec![10, 20] } else { vec![] };
        let input = Some(HistoryInput { length, shares_item_id: false, gap_edges_s });
        let config = PooledHistoryConfig { pooling: pooling.clone(), dropout: 0.0 };
        let module = config.init(input.as_ref(), dim, &mut init).unwrap().map(&mut Draws(&mut stream));
        // Every other time each head has a table of its own.
        let n_tables = if step / 8 % 2 == 1 { module.heads() } else { 1 };
        let table = |_| Table::new(n_rows, dim, 1.0, [Slot::History], &mut init);
        let tables: Vec<Table> = (0..n_tables).map(table).collect();
        let values: Vec<f32> = tables.iter().flat_map(|table| host(table.weight.val().inner())).collect();
        let users = UserBatch::new(&histories.rows, None, &device().autodiff());
        let pooled = module.forward(&tables, &users, 0);
        let [batch, width] = pooled.dims();
        let weights: Vec<f32> = (0..batch * width).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
        let gradients = (pooled.clone() * tensor(&weights, width)).sum().backward();
        let of_table = |table: &Table| host(table.weight.val().grad(&gradients).unwrap());
        let found_tables: Vec<f32> = tables.iter().flat_map(of_table).collect();
        let gradients = GradientsParams::from_grads(gradients, &module);
        let mut own = Own { gradients: &gradients, values: Vec::new(), found: Vec::new() };
        module.visit(&mut own);

        let windows = histories.windows();
        let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let parameters = wide(&own.values);
        let starts: Vec<f64> = slopes
            .iter()
            .flat_map(|slope| (0..length).map(move |lag| f64::from((-slope * lag as f64) as f32)))
            .collect();
        let n_own = match pooling {
            PoolingConfig::Recency { .. } => starts.len(),
            PoolingConfig::Attention { .. } => starts.len() + slopes.len() * dim,
            _ => 0,
        };
        let n_own = n_own + if step % 8 >= 6 { 4 * slopes.len() } else { 0 };
        assert_eq!(parameters.len(), n_own, "{what}");
        let vectors = |table: &[f64], own: &[f64]| -> Vec<f64> {
            let vectors = |window: &Vec<_>| pool(&pooling, window, (n_tables, table), own, dim, length);
            windows.iter().flat_map(vectors).collect()
        };
        let loss = |table: &[f64], own: &[f64]| -> f64 {
            vectors(table, own).iter().zip(&weights).map(|(x, &w)| x * f64::from(w)).sum()
        };
        let table = wide(&values);
        assert_close(&format!("{what}, value"), &host(pooled.inner()), &vectors(&table, &parameters));
        let wanted = differences(table.clone(), |table| loss(table, &parameters));
        assert_close(&format!("{what}, tables"), &found_tables, &wanted);
        let wanted = differences(parameters.clone(), |own| loss(&table, own));
        // What a query learns of an event is a product of two of the table's numbers.
        let largest = table.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
        let terms = if matches!(pooling, PoolingConfig::Attention { .. }) { largest * largest } else { 1.0 };
        assert_close_of(terms, &format!("{what}, own parameters"), &own.found, &wanted);
    }
}

/// Of one table or one per head, pooled by weights of every kind: what a batch drops, it drops on both ways.
#[test]
fn both_ways_drop_the_same_numbers() {
    let slopes = vec![0.0, 0.5, 1.0];
    let weighted = [PoolingConfig::Recency { slopes: slopes.clone() }, PoolingConfig::Attention { slopes }];
    for (case, pooling) in [0, 1, 2, 3].into_iter().flat_map(|case| weighted.clone().map(|by| (case, by))) {
        let found = RefCell::new(Vec::new());
        on_both_ways(|| {
            let mut stream = stream(2_000 + case);
            let histories = Histories::random(9, &mut stream);
            let gap_edges_s = if case % 2 == 1 { vec![10, 20] } else { vec![] };
            let input = HistoryInput { length: histories.length, shares_item_id: false, gap_edges_s };
            let mut init = Init::new(case, &device().autodiff());
            let config = PooledHistoryConfig { pooling: pooling.clone(), dropout: 0.4 };
            let module = config.init(Some(&input), 5, &mut init).unwrap().map(&mut Draws(&mut stream));
            let n_tables = if case < 2 { 1 } else { module.heads() };
            let table = |_| Table::new(9, 5, 1.0, [Slot::History], &mut init);
            let tables: Vec<Table> = (0..n_tables).map(table).collect();
            let noise = Some(Noise { seed: case, step: 3 });
            let users = UserBatch::new(&histories.rows, noise, &device().autodiff());
            let pooled = module.forward(&tables, &users, 7);
            let gradients = (pooled.clone() * pooled.clone()).sum().backward();
            let of_table = |table: &Table| host(table.weight.val().grad(&gradients).unwrap());
            let of_tables = tables.iter().flat_map(of_table);
            found.borrow_mut().push(of_tables.chain(host(pooled.inner())).collect::<Vec<f32>>());
        });
        let [own, burns] = &found.into_inner()[..] else { panic!("there are two ways") };
        let burns: Vec<f64> = burns.iter().map(|&x| f64::from(x)).collect();
        assert_close(&format!("case {case}, {pooling:?}"), own, &burns);
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

//! The models through their public API.

mod fixture;
mod gradients;
mod rows;

use fixture::{batch, device, inputs, item_rows, maker_parts};
use u2i_models::burn::module::{Module, ModuleVisitor, Param};
use u2i_models::burn::optim::{AdamConfig, GradientsParams};
use u2i_models::burn::tensor::{Tensor, TensorData, activation};
use u2i_models::{
    ActivationKind, Dssm, DssmConfig, Fm, FmConfig, HistoryInput, Init, ItemBatch, ItemTowerConfig,
    MlpConfig, ModelError, Noise, NormKind, Normalization, OutputKind, PooledHistoryConfig, PoolingConfig,
    Table, TwoTower, TwoTowerConfig as _, UserBatch, UserTowerConfig, YoutubeDnn, YoutubeDnnConfig,
};
use u2i_schema::{Chunk, ItemRows, Slot};

fn mlp(layers: &[usize]) -> MlpConfig {
    MlpConfig {
        layers: layers.to_vec(),
        activation: ActivationKind::Gelu,
        norm: NormKind::None,
        output: OutputKind::Linear,
        dropout: 0.0,
    }
}

fn history(pooling: PoolingConfig) -> PooledHistoryConfig {
    PooledHistoryConfig { pooling, dropout: 0.0 }
}

fn recency() -> PoolingConfig {
    PoolingConfig::Recency { slopes: vec![0.0, 0.5] }
}

fn attention() -> PoolingConfig {
    PoolingConfig::Attention { slopes: vec![0.0, 0.5] }
}

fn user_tower(pooling: PoolingConfig) -> UserTowerConfig {
    UserTowerConfig {
        column_dim: 3,
        history: Some(history(pooling)),
        sequences: Default::default(),
        history_size: true,
        example_age: true,
        skip: true,
        mlp: mlp(&[8, 6]),
    }
}

fn youtube_dnn(pooling: PoolingConfig) -> YoutubeDnnConfig {
    YoutubeDnnConfig {
        dim: 6,
        init_sd: 0.5,
        normalization: Normalization::L2,
        item_attributes: false,
        user: user_tower(pooling),
    }
}

fn dssm() -> DssmConfig {
    let item = ItemTowerConfig { column_dim: 3, residual: true, mlp: mlp(&[8, 6]) };
    let (embedding_dim, normalization) = (6, Normalization::L2);
    DssmConfig { embedding_dim, init_sd: 0.5, normalization, user: user_tower(recency()), item }
}

fn fm() -> FmConfig {
    FmConfig { dim: 6, init_sd: 0.5, linear_sd: 0.5, history: Some(history(recency())) }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{i}: {a} and {b}");
    }
}

/// A chunk is only a way to share work: its targets get the vectors they would get one by one.
fn check_chunks<M: TwoTower>(model: &M) {
    let parts = maker_parts();
    let maker = parts.maker(4);
    let chunks = [Chunk { user: 0, first: 1, targets: 7 }, Chunk { user: 1, first: 0, targets: 3 }];
    let together = host(model.encode_users(&UserBatch::new(&maker.users(&chunks), None, &device())));
    let single = |c: &Chunk| {
        (0..c.targets).map(|i| Chunk { first: c.first + i, targets: 1, ..*c }).collect::<Vec<_>>()
    };
    let apart: Vec<Chunk> = chunks.iter().flat_map(single).collect();
    let apart = host(model.encode_users(&UserBatch::new(&maker.users(&apart), None, &device())));
    assert_close(&together, &apart, 1e-5);
}

#[test]
fn targets_of_a_chunk_encode_as_one_by_one() {
    let inputs = inputs(false);
    for pooling in [
        recency(),
        attention(),
        PoolingConfig::Mean {},
        PoolingConfig::Sum {},
        PoolingConfig::Max {},
        PoolingConfig::SqrtN {},
    ] {
        check_chunks(&youtube_dnn(pooling).init(&inputs, &mut Init::new(1, &device())).unwrap());
    }
    check_chunks(&dssm().init(&inputs, &mut Init::new(1, &device())).unwrap());
    check_chunks(&fm().init(&inputs, &mut Init::new(1, &device())).unwrap());
    let by_time = u2i_models::Inputs {
        history: inputs.history.clone().map(|history| HistoryInput { gap_edges_s: vec![100_000], ..history }),
        ..inputs.clone()
    };
    let mean = youtube_dnn(PoolingConfig::Mean {}).init(&by_time, &mut Init::new(1, &device()));
    assert!(matches!(mean, Err(ModelError::Unsupported { key: "history.pooling", .. })));
    let attentive = FmConfig { history: Some(history(attention())), ..fm() };
    check_chunks(&attentive.init(&inputs, &mut Init::new(1, &device())).unwrap());
}

/// By hand: histories (1, 2, 4) and nothing, of a table with vectors 1, 2, 4 in one number.
#[test]
fn pooling_masks_padding() {
    let half = 0.5f32.ln();
    let cases = [
        (PoolingConfig::Mean {}, 7.0 / 3.0),
        (PoolingConfig::Sum {}, 7.0),
        (PoolingConfig::SqrtN {}, 7.0 / 3f32.sqrt()),
        (PoolingConfig::Max {}, 4.0),
        // Weights 1, ½, ¼ for lags 0, 1, 2.
        (PoolingConfig::Recency { slopes: vec![f64::from(-half)] }, (4.0 + 2.0 * 0.5 + 1.0 * 0.25) / 1.75),
    ];
    let input = Some(HistoryInput { length: 4, shares_item_id: false, gap_edges_s: vec![] });
    let rows = batch(4, &[&[0, 1, 2, 4], &[0, 0, 0, 0]]);
    for (pooling, expected) in cases {
        let mut init = Init::new(1, &device());
        let module = history(pooling.clone()).init(input.as_ref(), 1, &mut init).unwrap();
        let mut table = Table::new(5, 1, 1.0, [Slot::History], &mut init);
        let weight = Tensor::from_data(TensorData::new(vec![99.0f32, 1.0, 2.0, 3.0, 4.0], [5, 1]), &device());
        table.weight = Param::from_tensor(weight);
        let pooled = host(module.forward(&[table], &UserBatch::new(&rows, None, &device()), 0));
        assert_close(&pooled, &[expected, 0.0], 1e-6);
    }
}

fn encode<M: TwoTower>(model: &M) -> (Vec<f32>, Vec<f32>) {
    let parts = maker_parts();
    let users = parts.maker(4).users(&[Chunk { user: 0, first: 1, targets: 7 }]);
    let users = model.encode_users(&UserBatch::new(&users, None, &device()));
    let items = model.encode_items(&ItemBatch::new(&ItemRows::all(&parts.catalog), None, &device()));
    (host(users), host(items))
}

#[test]
fn the_padding_row_reaches_no_vector() {
    fn check<M: TwoTower>(mut model: M) {
        let before = encode(&model);
        for table in model.tables_mut() {
            let weight = table.weight.val();
            let [rows, dim] = weight.dims();
            let other =
                Tensor::cat(vec![Tensor::full([1, dim], 1e3, &device()), weight.narrow(0, 1, rows - 1)], 0);
            table.weight = Param::from_tensor(other);
        }
        assert_eq!(encode(&model), before);
    }
    let inputs = inputs(false);
    check(youtube_dnn(recency()).init(&inputs, &mut Init::new(1, &device())).unwrap());
    check(dssm().init(&inputs, &mut Init::new(1, &device())).unwrap());
    check(fm().init(&inputs, &mut Init::new(1, &device())).unwrap());
}

/// Adam of burn, dense, on the model as it is: the log-softmax of the first item falls.
#[test]
fn a_stock_optimizer_trains_every_model() {
    fn check<M: TwoTower>(mut model: M) {
        let parts = maker_parts();
        let rows = parts.maker(4).users(&[Chunk { user: 0, first: 1, targets: 7 }]);
        let autodiff = device().autodiff();
        let users = UserBatch::new(&rows, Some(Noise { seed: 1, step: 0 }), &autodiff);
        let items = ItemBatch::new(&item_rows(&parts), None, &autodiff);
        let mut adam = AdamConfig::new().init();
        let mut losses = Vec::new();
        for _ in 0..30 {
            let scores = model.encode_users(&users).matmul(model.encode_items(&items).transpose());
            let loss = -activation::log_softmax(scores, 1).narrow(1, 0, 1).mean();
            losses.push(loss.clone().into_scalar::<f32>());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = adam.step(0.05, model, gradients);
        }
        assert!(losses[29] < 0.7 * losses[0], "{losses:?}");
    }
    let inputs = inputs(true);
    let tied = inputs.clone();
    let mut init = Init::new(1, &device().autodiff());
    check::<YoutubeDnn>(youtube_dnn(recency()).init(&tied, &mut init).unwrap());
    check::<Dssm>(dssm().init(&inputs, &mut init).unwrap());
    check::<Fm>(fm().init(&fixture::inputs(false), &mut init).unwrap());
}

/// Collects the parameters that a loss does not depend on.
struct Loose<'a> {
    gradients: &'a GradientsParams,
    within: Vec<String>,
    found: Vec<String>,
    n_parameters: usize,
}

impl ModuleVisitor for Loose<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.within.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.within.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.n_parameters += 1;
        let gradient = self.gradients.get::<D>(param.id).map_or(Vec::new(), host);
        if gradient.iter().all(|&g| g == 0.0) || gradient.iter().any(|g| !g.is_finite()) {
            self.found.push(self.within.join("."));
        }
    }
}

#[test]
fn every_parameter_has_a_gradient() {
    fn check<M: TwoTower>(model: M) {
        let parts = maker_parts();
        let rows = parts.maker(4).users(&[Chunk { user: 0, first: 1, targets: 7 }]);
        let autodiff = device().autodiff();
        let users = UserBatch::new(&rows, None, &autodiff);
        let items = model.encode_items(&ItemBatch::new(&item_rows(&parts), None, &autodiff));
        let scores = model.encode_users(&users).matmul(items.transpose());
        let bias = model.user_bias(&users).map(|bias| bias.unsqueeze_dim(1));
        let scores = bias.map_or(scores.clone(), |bias: Tensor<2>| scores + bias);
        // Each pair weighs differently, so that nothing cancels over users or items.
        let [n_users, n_items] = scores.dims();
        let weights = (0..n_users * n_items).map(|i| (i as f32).sin()).collect();
        let weights = Tensor::from_data(TensorData::new(weights, [n_users, n_items]), &autodiff);
        let gradients = GradientsParams::from_grads((scores * weights).sum().backward(), &model);
        let mut loose = Loose { gradients: &gradients, within: vec![], found: vec![], n_parameters: 0 };
        model.visit(&mut loose);
        assert_eq!(loose.found, Vec::<String>::new());
        assert!(loose.n_parameters > model.tables().len(), "recency weights are parameters, too");
    }
    let mut init = Init::new(1, &device().autodiff());
    check::<YoutubeDnn>(youtube_dnn(recency()).init(&inputs(true), &mut init).unwrap());
    check::<Dssm>(dssm().init(&inputs(true), &mut init).unwrap());
    check::<Fm>(fm().init(&inputs(false), &mut init).unwrap());
}

#[test]
fn dropout_is_part_of_the_batch() {
    let inputs = inputs(false);
    let mut config = youtube_dnn(recency());
    config.user.mlp.dropout = 0.5;
    config.user.history = Some(PooledHistoryConfig { pooling: recency(), dropout: 0.5 });
    let model = config.init(&inputs, &mut Init::new(1, &device())).unwrap();
    let parts = maker_parts();
    let rows = parts.maker(4).users(&[Chunk { user: 0, first: 1, targets: 7 }]);
    let encode = |noise| host(model.encode_users(&UserBatch::new(&rows, noise, &device())));
    let noise = |step| Some(Noise { seed: 1, step });
    assert_eq!(encode(noise(3)), encode(noise(3)));
    assert_ne!(encode(noise(3)), encode(noise(4)));
    assert_ne!(encode(noise(3)), encode(None));
}

/// Rendle's O(kn) form in f64 is the oracle: the same order of all items, and in f32 the same scores.
#[test]
fn the_vector_form_of_fm_ranks_as_the_plain_form() {
    let model = fm().init(&inputs(false), &mut Init::new(1, &device())).unwrap();
    let parts = maker_parts();
    let rows = parts
        .maker(4)
        .users(&[Chunk { user: 0, first: 1, targets: 7 }, Chunk { user: 1, first: 1, targets: 2 }]);
    let users = UserBatch::new(&rows, None, &device());
    let items = ItemBatch::new(&ItemRows::all(&parts.catalog), None, &device());
    let plain = model.plain(&users, &items);
    let (n_users, n_items) = plain.sizes();
    let vectors = host(model.encode_users(&users).matmul(model.encode_items(&items).transpose()));
    let bias = host(model.user_bias(&users).unwrap());
    for user in 0..n_users {
        let order = |score: &dyn Fn(usize) -> f64| {
            let mut order: Vec<usize> = (0..n_items).collect();
            order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            order
        };
        assert_eq!(
            order(&|item| plain.score::<f64>(user, item)),
            order(&|item| plain.two_tower_score::<f64>(user, item))
        );
        for (item, (plain_score, vector_score)) in
            plain.scores(user).into_iter().zip(plain.two_tower_scores(user)).enumerate()
        {
            assert!((plain_score - plain.score::<f64>(user, item)).abs() < 1e-12);
            assert!((vector_score - plain.two_tower_score::<f64>(user, item)).abs() < 1e-12);
        }
        assert_close(&[bias[user]], &[plain.user_constant::<f64>(user) as f32], 1e-5);
        let expected: Vec<f32> = (0..n_items)
            .map(|item| (plain.score::<f64>(user, item) - plain.user_constant::<f64>(user)) as f32)
            .collect();
        assert_close(&vectors[user * n_items..][..n_items], &expected, 1e-5);
    }
}

#[test]
fn configs_that_make_no_model_are_refused() {
    let inputs = inputs(false);
    let mut init = Init::new(1, &device());
    let mut unequal = dssm();
    unequal.item.mlp = mlp(&[8, 5]);
    assert_eq!(unequal.init(&inputs, &mut init).unwrap_err(), ModelError::UnequalDims { user: 6, item: 5 });
    let mut short = youtube_dnn(recency());
    short.dim = 5;
    assert_eq!(short.init(&inputs, &mut init).unwrap_err(), ModelError::UnequalDims { user: 6, item: 5 });
    let mut dropped = youtube_dnn(recency());
    dropped.user.mlp.dropout = 1.0;
    let message = dropped.init(&inputs, &mut init).unwrap_err().to_string();
    assert_eq!(message, "`dropout` is 1, expected a rate in [0, 1)");
    let no_slopes = PoolingConfig::Recency { slopes: vec![] };
    assert!(matches!(youtube_dnn(no_slopes).init(&inputs, &mut init), Err(ModelError::Range { .. })));
    let without = u2i_models::Inputs { history: None, ..inputs.clone() };
    assert!(matches!(dssm().init(&without, &mut init), Err(ModelError::Unsupported { key: "history", .. })));
    let shared = fixture::inputs(true);
    assert!(matches!(fm().init(&shared, &mut init), Err(ModelError::Unsupported { .. })));
}

#[test]
fn the_zero_vector_has_no_direction_and_a_finite_gradient() {
    let x = Tensor::<2>::zeros([1, 3], &device().autodiff()).require_grad();
    let y = Normalization::L2.apply(x.clone());
    assert_eq!(host(y.clone().inner()), [0.0; 3]);
    let gradient = host(x.grad(&y.sum().backward()).unwrap());
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
}

#[test]
fn off_the_training_device_a_model_encodes_the_same() {
    let model = dssm().init(&inputs(false), &mut Init::new(1, &device().autodiff())).unwrap();
    let plain = dssm().init(&inputs(false), &mut Init::new(1, &device())).unwrap();
    assert_eq!(encode(&model.valid()), encode(&plain));
}

use u2i::device::DeviceChoice;
use u2i::pipeline::train_model;
use u2i_models::burn::module::Module;
use u2i_models::{AnyModel, ItemBatch, TwoTower, UserBatch};
use u2i_schema::{Chunk, ItemRows};
use u2i_train::user_vectors;

use crate::{MODELS, prepared, tuned};

/// Evaluated in f64 from the trained f32 weights, Rendle's O(kn) form and the two vectors order all items alike for
/// every user; in f32 the scores less each user's constant agree.
#[test]
fn a_trained_fm_ranks_by_its_vectors_as_the_plain_form_does() {
    let experiment = tuned("fm");
    let prepared = prepared(&experiment);
    let device = DeviceChoice::Cpu.open().unwrap();
    let trained = train_model(&experiment, &prepared, &device, &mut ()).unwrap();
    let AnyModel::Fm(fm) = &trained.fitted.model else { panic!("the experiment trains an fm") };
    let items = ItemBatch::new(&ItemRows::all(&prepared.catalog), None, &device.device);
    let maker = prepared.eval_batches(fm.history_len());
    for users in prepared.test.chunks(256) {
        let chunks: Vec<Chunk> = users.iter().copied().map(Chunk::from).collect();
        let users = UserBatch::new(&maker.users(&chunks), None, &device.device);
        let plain = fm.plain(&users, &items);
        let (n_users, n_items) = plain.sizes();
        let scores = fm.encode_users(&users).matmul(fm.encode_items(&items).transpose());
        let scores: Vec<f32> = scores.into_data().try_into_vec().unwrap();
        for user in 0..n_users {
            let exact: Vec<f64> = (0..n_items).map(|item| plain.score(user, item)).collect();
            let vector: Vec<f64> = (0..n_items).map(|item| plain.two_tower_score(user, item)).collect();
            let order = |scores: &[f64]| {
                let mut order: Vec<usize> = (0..n_items).collect();
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                order
            };
            assert_eq!(order(&exact), order(&vector));
            let constant: f64 = plain.user_constant(user);
            let own = &scores[user * n_items..][..n_items];
            let largest = exact.iter().fold(0.0f64, |largest, score| largest.max((score - constant).abs()));
            for (score, exact) in own.iter().zip(&exact) {
                assert!((f64::from(*score) - (exact - constant)).abs() <= 1e-5 * largest);
            }
        }
    }
}

/// What is exported ranks as what was trained: the model back on the training device gives the same scores.
#[test]
fn exported_vectors_rank_as_training_scores() {
    for name in MODELS {
        let mut experiment = tuned(name);
        experiment.train.epochs = 1.try_into().unwrap();
        let prepared = prepared(&experiment);
        let device = DeviceChoice::Cpu.open().unwrap();
        let trained = train_model(&experiment, &prepared, &device, &mut ()).unwrap();
        let model = &trained.fitted.model;
        let users = &prepared.test[..200];
        let exported =
            user_vectors(model, &prepared.eval_batches(model.history_len()), users, &device.device);

        let autodiff = device.device.clone().autodiff();
        let training = model.clone().to_device(&autodiff).train();
        let chunks: Vec<Chunk> = users.iter().copied().map(Chunk::from).collect();
        let batch = prepared.eval_batches(model.history_len()).users(&chunks);
        let vectors = training.encode_users(&UserBatch::new(&batch, None, &autodiff));
        let rows = ItemRows::new(&prepared.catalog, trained.items.ids());
        let items = training.encode_items(&ItemBatch::new(&rows, None, &autodiff));
        let scores: Vec<f32> = vectors.matmul(items.transpose()).into_data().try_into_vec().unwrap();
        let n = trained.items.ids().len();
        for (user, scores) in exported.data.chunks_exact(exported.dim).zip(scores.chunks_exact(n)) {
            let product =
                |row: usize| -> f32 { user.iter().zip(trained.items.vector(row)).map(|(a, b)| a * b).sum() };
            let best = (0..n).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
            let largest = scores.iter().fold(0.0f32, |largest, score| largest.max(score.abs()));
            for (row, score) in scores.iter().enumerate() {
                assert!((product(row) - score).abs() <= 1e-5 * largest, "{name}");
                assert!(product(best) >= product(row) - 2e-5 * largest, "{name}");
            }
        }
    }
}

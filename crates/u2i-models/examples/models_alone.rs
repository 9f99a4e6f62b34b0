//! Scores of two users and three items.

use u2i_models::burn::tensor::Device;
use u2i_models::{FmConfig, Init, Inputs, ItemBatch, TwoTower, TwoTowerConfig as _, UserBatch};
use u2i_schema::{Column, ColumnRows, ItemRows, Side, Transform, UserRows, Vocabulary};

fn main() {
    let device = Device::flex();
    let country = Transform::Categorical(Vocabulary::new(["nl", "it"]));
    let user = vec![Column { name: "country".into(), side: Side::User, transform: country }];
    let inputs = Inputs { n_ids: 3, user, request: vec![], item: vec![], history: None };
    let config = FmConfig { dim: 8, init_sd: 0.1, linear_sd: 0.001, history: None };
    let model = config.init(&inputs, &mut Init::new(7, &device)).unwrap();

    // Two users without history, each asked for once.
    let rows = UserRows::new(2, 1, vec![0, 1]).with_columns(vec![ColumnRows::Rows(vec![2, 3])], vec![]);
    let users = model.encode_users(&UserBatch::new(&rows, None, &device));
    let items = ItemRows { ids: vec![1, 2, 3], columns: vec![] };
    let items = model.encode_items(&ItemBatch::new(&items, None, &device));
    let scores = users.matmul(items.transpose());
    assert_eq!(scores.dims(), [2, 3]);
    // Without an item column an item's own term is its linear weight, so the towers have dim + 1 numbers.
    assert_eq!(model.encode_users(&UserBatch::new(&rows, None, &device)).dims(), [2, 9]);
}

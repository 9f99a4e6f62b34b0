use u2i_models::burn::tensor::{Device, Tensor};
use u2i_models::{HistoryInput, Inputs};
use u2i_schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, ItemRows, Side, Transform, UserRows, Users,
    Vocabulary,
};

pub fn device() -> Device {
    Device::flex()
}

/// Does a test with the operators of `u2i_ops`, and with burn's own, as on a GPU.
pub fn on_both_ways(test: impl Fn()) {
    test();
    u2i_ops::without_operators(|| {
        assert!(!u2i_ops::operate_on(&Tensor::<1>::zeros([1], &device())));
        test();
    });
}

fn column(name: &str, side: Side, transform: Transform) -> Column {
    Column { name: name.into(), side, transform }
}

/// A categorical and a real user column, a request column, a bag and a real item column; five trained items.
pub fn inputs(shares_item_id: bool) -> Inputs {
    let values = || Vocabulary::new(["a", "b", "c"]);
    Inputs {
        n_ids: 5,
        user: vec![
            column("gender", Side::User, Transform::Categorical(values())),
            column("income", Side::User, Transform::Log { scale: 10.0 }),
        ],
        request: vec![column("device", Side::Request, Transform::Categorical(values()))],
        item: vec![
            column("genres", Side::Item, Transform::MultiCategorical(values())),
            column("price", Side::Item, Transform::Standardized { mean: 0.0, sd: 1.0 }),
        ],
        history: Some(HistoryInput { length: 4, shares_item_id, gap_edges_s: vec![] }),
    }
}

pub struct Parts {
    pub events: EventStore,
    pub users: Users,
    pub catalog: Catalog,
}

/// Two users; item 6 has no training event.
pub fn maker_parts() -> Parts {
    let items = vec![1, 2, 3, 4, 5, 1, 6, 3, 2, 5, 4];
    let request = vec![ColumnData::Rows((0..11).map(|i| 1 + i % 4).collect())];
    let events =
        EventStore::new(vec![0, 8, 11], items, (0..11).map(|i| i * 86_400).collect(), request).unwrap();
    let columns = vec![ColumnData::Rows(vec![2, 3]), ColumnData::Values(vec![0.5, -0.25])];
    let users = Users::new(vec!["u".into(), "v".into()], columns);
    let genres = ColumnData::Bags { offsets: vec![0, 2, 3, 3, 5, 6, 8], rows: vec![2, 3, 4, 2, 4, 3, 2, 3] };
    let price = ColumnData::Values(vec![1.0, -1.0, 0.5, 0.0, 2.0, -0.5]);
    let ids = (1..=6).map(|i| i.to_string()).collect();
    let catalog = Catalog::new(ids, vec![None; 6], vec![0, 2, 2, 2, 1, 1, 0], vec![genres, price]);
    Parts { events, users, catalog }
}

impl Parts {
    pub fn maker(&self, history_len: usize) -> BatchMaker<'_> {
        let Parts { events, users, catalog } = self;
        BatchMaker::new(events, users, catalog, history_len).with_newest_s(Some(10 * 86_400))
    }
}

pub fn item_rows(parts: &Parts) -> ItemRows {
    ItemRows::new(&parts.catalog, &[1, 2, 3, 4, 5])
}

/// One target for each history of `length` rows, and nothing else.
pub fn batch(length: usize, histories: &[&[u32]]) -> UserRows {
    let n = histories.len();
    UserRows::new(n, 1, (0..n as u32).collect()).with_history(length, histories.concat())
}

//! The crate used alone: four events of one user become a split and its one training target.

use u2i_features::{
    FeatureError, FeaturesConfig, PerUser, RawData, RawEvents, SamplesConfig, SplitConfig, Ties, prepare,
};

fn main() -> Result<(), FeatureError> {
    // One user, who liked the items a, b, c, d, in this order.
    let raw = RawData {
        user_ids: vec!["ann".into()],
        item_ids: ["a", "b", "c", "d"].map(String::from).into(),
        titles: vec![None; 4],
        events: RawEvents {
            user: vec![0; 4],
            item: vec![0, 1, 2, 3],
            time_s: vec![10, 20, 30, 40],
            ..Default::default()
        },
        ..RawData::default()
    };
    let split = SplitConfig::LeaveLastOut { ties: Ties::File };
    let features = FeaturesConfig { column: vec![], history: None, item_id: None };
    let samples = SamplesConfig { per_user: PerUser::All {} };
    let prepared = prepare(&raw, &split, &features, &samples, 0)?;
    // d is the test target, c the one of validation; a has no history, so b is the only training target.
    assert_eq!(prepared.test[0].position, 3);
    assert_eq!(prepared.validation[0].position, 2);
    assert_eq!(prepared.samples.len(), 1);
    assert_eq!((prepared.catalog.n_items(), prepared.catalog.n_trained()), (4, 2));
    Ok(())
}

//! Whether a log can be prepared is told as preparing tells it.

use crate::*;

/// Columns of users and items, some of which need a number to fit on.
fn columns() -> FeaturesConfig {
    let one = 1.try_into().unwrap();
    features(vec![
        column("group", Side::User, ColumnKind::Categorical { min_count: one }),
        column("tags", Side::Item, ColumnKind::MultiCategorical { min_count: one }),
        column("price", Side::Item, ColumnKind::BucketizedQuantiles { buckets: 3.try_into().unwrap() }),
    ])
}

/// The error of preparing, as text; none if there is none.
fn check(name: &str, raw: &RawData, split: &SplitConfig, features: &FeaturesConfig) -> Option<String> {
    let samples = all_samples();
    let wanted = prepare(raw, split, features, &samples, 1).err().map(|error| error.to_string());
    let found = can_prepare(raw, split, features, &samples, 1, &mut ReadProgress::silent());
    assert_eq!(found.err().map(|error| error.to_string()), wanted, "{name}, {split:?}");
    wanted
}

/// 300 random logs, of which a few users have the last events, and an item has its price: where all trained items lack
/// one, nothing can be fitted.
#[test]
fn a_log_can_be_prepared_if_and_only_if_it_is() {
    let splits = [
        leave_last_out(),
        SplitConfig::LeaveLastOut { ties: Ties::ItemId },
        SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.6, test_quantile: 0.8 },
    ];
    let mut outcomes = std::collections::BTreeMap::new();
    for seed in 0..300 {
        let mut raw = random_log(seed);
        let mut rng = Stream::new(seed, Purpose::PERMUTATION, 9, 0);
        // Few events of each user, so that nearly all are held out.
        let n = 1 + rng.index(4 * raw.user_ids.len());
        raw.events.user.truncate(n);
        raw.events.item.truncate(n);
        raw.events.time_s.truncate(n);
        raw.request.clear();
        let priced = rng.index(raw.item_ids.len());
        let price = |item: usize| if item == priced { 1.5 } else { f64::NAN };
        raw.items[1].values = RawValues::Number((0..raw.item_ids.len()).map(price).collect());
        let error = check(&format!("seed {seed}"), &raw, &splits[seed as usize % 3], &columns());
        let kind = error.map_or("none".to_owned(), |error| error.chars().take(12).collect());
        *outcomes.entry(kind).or_insert(0) += 1;
    }
    assert!(outcomes.len() >= 3 && outcomes.values().all(|&n| n >= 5), "{outcomes:?}");
}

#[test]
fn a_log_that_cannot_be_prepared_is_refused_for_the_reason_of_preparing() {
    let few = |n: i64| log(&(0..n).map(|time_s| ("ann", "7", time_s)).collect::<Vec<_>>());
    let none = features(vec![]);
    for n in 0..6 {
        let error = check(&format!("{n} events"), &few(n), &leave_last_out(), &none);
        assert_eq!(error.is_none(), n >= 4, "{n}");
    }
    let unknown = features(vec![column("colour", Side::Item, ColumnKind::Standardized {})]);
    assert!(check("an unknown column", &few(9), &leave_last_out(), &unknown).unwrap().contains("colour"));
    let text = features(vec![column("user_id", Side::User, ColumnKind::Standardized {})]);
    assert!(check("a text for a number", &few(9), &leave_last_out(), &text).unwrap().contains("user_id"));
}

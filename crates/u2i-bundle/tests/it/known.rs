//! What a recommender says of users and items.

use u2i_bundle::IndexPlan;

use crate::fixture::{Fixture, Kind, SMALL};

#[test]
fn users_are_found_by_how_their_ids_begin() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    assert_eq!(recommender.users_from("user 2", 3), ["user 2", "user 20", "user 21"]);
    assert_eq!(recommender.users_from("user 29", 9), ["user 29"]);
    assert_eq!(recommender.users_from("", 1), ["user 0"]);
    assert_eq!(recommender.users_from("", 99).len(), SMALL.users);
    for none in ["user 290", "zebra", "User"] {
        assert!(recommender.users_from(none, 9).is_empty(), "{none}");
    }
}

#[test]
fn a_users_history_is_told_with_its_times() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    for row in 0..SMALL.users {
        let history = recommender.history(&format!("user {row}")).unwrap();
        assert!(history.iter().map(|(item, _)| item.item_idx).eq(fixture.events.items(row).iter().copied()));
        assert!(
            history.iter().map(|(_, time_s)| time_s.unwrap()).eq(fixture.events.times_s(row).iter().copied())
        );
    }
    assert!(recommender.history("nobody").is_none());
}

#[test]
fn all_items_are_told_in_their_order() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    assert_eq!(recommender.items().len(), SMALL.trained + SMALL.cold);
    for (item, item_idx) in recommender.items().zip(1..) {
        assert_eq!((item.item_idx, Some(item)), (item_idx, recommender.item(item.item_id)));
        assert_eq!(item.train_count, fixture.catalog.counts()[item_idx as usize]);
    }
}

//! A user who is forgotten, and comes back.

use std::fs;

use u2i_live::LiveStore as _;

use crate::event;
use crate::places::{Place, on_each};

/// Whether a text stands in a file of the store's folder, and in which.
fn holds(place: &Place, text: &str) -> Option<String> {
    let folder = place.beside("");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut holding = files.filter(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    });
    holding.next().map(|path| path.display().to_string())
}

#[test]
fn a_forgotten_user_is_gone_and_counts_anew_when_they_come_back() {
    on_each(|place| {
        let store = place.open();
        let events = [event("1", "ada", "a", 1), event("2", "bob", "b", 2), event("3", "ada", "c", 3)];
        store.append(&events).unwrap();
        assert_eq!(store.forget_user("ada").unwrap(), 2);
        assert_eq!(store.forget_user("eve").unwrap(), 0);
        let recent = |store: &dyn u2i_live::LiveStore| {
            let of = store.recent(&["ada", "bob", "eve"], 9).unwrap();
            of.iter()
                .map(|events| events.iter().map(|event| &event.item[..]).collect::<String>())
                .collect::<Vec<_>>()
        };
        assert_eq!(recent(&*store), ["", "b", ""]);
        assert_eq!(store.counts_since(0).unwrap().len(), 1);
        drop(store);
        let store = place.open();
        assert_eq!(store.is_forgotten(&["ada", "bob", "eve", "ada "]).unwrap(), [true, false, true, false]);
        // The ids of events that are gone are free.
        store.append(&[event("1", "ada", "d", 4), event("4", "eve", "e", 5)]).unwrap();
        assert_eq!(recent(&*store), ["d", "b", "e"]);
        assert_eq!(store.is_forgotten(&["ada", "eve"]).unwrap(), [true, true]);
        assert_eq!(store.forgotten().unwrap().len(), 2);
        assert_eq!(store.forget_user("ada").unwrap(), 1);
        assert_eq!(recent(&*store), ["", "b", "e"]);
        let mut left = Vec::new();
        store
            .export(None, &mut |event| {
                left.push(event.user);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(left, ["bob", "eve"]);
    });
}

/// Each file of the folder is searched: the database, its log and the index of that.
#[test]
fn the_files_hold_nothing_of_a_forgotten_user() {
    let place = Place::file();
    let store = place.open();
    // Users in an order that makes trees split and rows move.
    let n = 3000_u64;
    let users: Vec<String> =
        (0..n).map(|i| format!("<{:016x}>", i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    for (round, some) in users.chunks(100).enumerate() {
        let own = |(i, user): (usize, &String)| {
            event(&format!("{user}{round}"), user, &format!("item-of-{user}"), i as i64)
        };
        store.append(&some.iter().enumerate().map(own).collect::<Vec<_>>()).unwrap();
    }
    for user in users.iter().step_by(601) {
        assert!(holds(&place, user).is_some());
        assert_eq!(store.forget_user(user).unwrap(), 1);
        assert_eq!(holds(&place, user), None, "{user}");
    }
    assert!(holds(&place, &users[1]).is_some());
    // Whoever comes back is there, and goes again.
    let user = &users[601];
    store.append(&[event("back", user, "i", 0)]).unwrap();
    assert!(holds(&place, user).is_some());
    assert_eq!(store.forget_user(user).unwrap(), 1);
    assert_eq!(holds(&place, user), None);
    drop(store);
    assert_eq!(holds(&place, user), None);
}

#[test]
fn a_backup_holds_nothing_of_a_forgotten_user() {
    let place = Place::file();
    let store = u2i_live::SqliteStore::open(place.address.as_ref(), 1).unwrap();
    store.append(&[event("1", "<ada>", "a", 1), event("2", "<bob>", "b", 2)]).unwrap();
    store.forget_user("<ada>").unwrap();
    let copy = Place::file();
    u2i_live::EventLog::backup(&store, copy.address.as_ref()).unwrap();
    assert_eq!((holds(&copy, "<ada>"), holds(&copy, "<bob>").is_some()), (None, true));
    assert_eq!(copy.open().is_forgotten(&["<ada>"]).unwrap(), [true]);
}

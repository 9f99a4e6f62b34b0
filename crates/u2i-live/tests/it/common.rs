//! What both kinds of store do alike.

use std::ops::ControlFlow;
use std::sync::Barrier;

use u2i_live::{Appended, HourCount, LiveStore, NewEvent, open_log};
use u2i_schema::ErrorKind;

use crate::event;
use crate::places::on_each;

fn exported(store: &dyn LiveStore) -> Vec<NewEvent> {
    let mut events = Vec::new();
    let n = store.export(None, &mut |event| {
        events.push(event);
        ControlFlow::Continue(())
    });
    assert_eq!(n.unwrap(), events.len() as u64);
    events
}

fn items(store: &dyn LiveStore, user: &str, n: usize) -> Vec<String> {
    store.recent(&[user], n).unwrap().remove(0).into_iter().map(|event| event.item).collect()
}

#[test]
fn an_event_that_comes_again_is_kept_once() {
    on_each(|place| {
        let (a, b, c) = (event("a", "u", "1", 10), event("b", "u", "2", 20), event("c", "u", "3", 30));
        // The name counts and nothing else.
        let other = event("a", "v", "9", 99);
        let store = place.open();
        let appended = store.append(&[a.clone(), other.clone(), b.clone(), a.clone()]).unwrap();
        let was_there = vec![false, true, false, true];
        assert_eq!(appended, Appended { accepted: 2, duplicates: 2, was_there });
        drop(store);
        let store = place.open();
        let appended = store.append(&[b.clone(), c.clone(), other]).unwrap();
        assert_eq!(appended, Appended { accepted: 1, duplicates: 2, was_there: vec![true, false, true] });
        assert_eq!(store.append(&[]).unwrap(), Appended::default());
        assert_eq!(exported(&*store), [a, b, c]);
        assert_eq!(store.n_events(None).unwrap(), 3);
        assert_eq!(store.n_events(Some(20)).unwrap(), 2);
    });
}

#[test]
fn calls_at_once_keep_each_event_once_and_each_hears_what_became_of_its_own() {
    on_each(|place| {
        let store = place.open();
        let (n_callers, n_calls, size) = (8, 20, 10);
        let begin = Barrier::new(n_callers);
        let of_all: Vec<Appended> = std::thread::scope(|scope| {
            let caller = |caller: usize| {
                let (store, begin) = (&store, &begin);
                scope.spawn(move || {
                    begin.wait();
                    let call = |call: usize| {
                        // Half of the events are those of all callers, in another order for each.
                        let of = |i: usize| match i % 2 {
                            0 => format!("all-{}", (call * size + (i + caller * 2) % size) / 2),
                            _ => format!("{caller}-{}", call * size + i),
                        };
                        let events: Vec<_> = (0..size).map(|i| event(&of(i), "u", "i", i as i64)).collect();
                        let appended = store.append(&events).unwrap();
                        assert_eq!(appended.was_there.len(), size);
                        let of_own = appended.was_there.iter().skip(1).step_by(2);
                        assert_eq!(of_own.filter(|&&was_there| was_there).count(), 0);
                        appended
                    };
                    (0..n_calls).map(call).collect::<Vec<_>>()
                })
            };
            let callers: Vec<_> = (0..n_callers).map(caller).collect();
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        let accepted: usize = of_all.iter().map(|appended| appended.accepted).sum();
        let duplicates: usize = of_all.iter().map(|appended| appended.duplicates).sum();
        let wanted = n_calls * size / 2 * (n_callers + 1);
        assert_eq!((accepted, accepted + duplicates), (wanted, n_callers * n_calls * size));
        let mut ids: Vec<String> = exported(&*store).into_iter().map(|event| event.event_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), wanted);
    });
}

#[test]
fn a_call_with_a_text_that_cannot_be_kept_keeps_nothing() {
    on_each(|place| {
        let store = place.open();
        let long = "x".repeat(513);
        let bad = [event("", "u", "i", 0), event("e", "u\0", "i", 0), event("e", "u", &long, 0)];
        for (bad, field) in bad.into_iter().zip(["event_id", "user", "item"]) {
            let error = store.append(&[event("good", "u", "i", 0), bad]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("events[1].{field} ")), "{error}");
            assert_eq!(error.kind(), ErrorKind::Data);
        }
        let error = store.set_hidden(&["a".to_owned(), String::new()]).unwrap_err();
        assert_eq!(error.to_string(), "items[1] is empty");
        assert_eq!(store.n_events(None).unwrap(), 0);
        // A user who cannot be kept has no events, and asking is no fault.
        assert_eq!(store.recent(&["u\0", &long], 5).unwrap(), [[], []]);
        assert_eq!(store.is_forgotten(&["u\0", ""]).unwrap(), [false, false]);
        assert_eq!(store.forget_user("u\0").unwrap(), 0);
    });
}

#[test]
fn the_longest_and_the_oddest_texts_come_back_as_they_were() {
    on_each(|place| {
        let store = place.open();
        // Of no length that compressing would help.
        let long = |seed: u32| -> String {
            let next = |x: &mut u32| {
                *x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some(char::from(b'!' + (*x >> 24) as u8 % 90))
            };
            std::iter::successors(Some(seed), |x| Some(x.wrapping_add(1)))
                .scan(seed, |x, _| next(x))
                .take(512)
                .collect()
        };
        let mut longest = event(&long(1), &long(2), &long(3), i64::MAX);
        longest.kind = Some(long(4));
        let mut odd = event("'; DROP TABLE events", "é\n\t\"\\", "%_*?日本", i64::MIN);
        odd.kind = Some("\u{1f375}".to_owned());
        let events = [longest, odd, event("NULL", "", "{}", 0)].map(|event| NewEvent {
            user: if event.user.is_empty() { "{null,\"\"}".to_owned() } else { event.user.clone() },
            ..event
        });
        store.append(&events).unwrap();
        assert_eq!(exported(&*store), events);
        for event in &events {
            let recent = store.recent(&[&event.user], 9).unwrap().remove(0);
            assert_eq!(recent.len(), 1);
            assert_eq!(
                (&recent[0].item, recent[0].time_s, &recent[0].kind),
                (&event.item, event.time_s, &event.kind)
            );
        }
    });
}

#[test]
fn recent_events_are_the_newest_by_time_and_then_by_arrival_oldest_first() {
    on_each(|place| {
        let store = place.open();
        let events = [
            event("1", "u", "late", 30),
            event("2", "u", "first of two", 20),
            event("3", "v", "of another", 25),
            event("4", "u", "second of two", 20),
            event("5", "u", "early", 10),
        ];
        store.append(&events[..2]).unwrap();
        store.append(&events[2..]).unwrap();
        assert_eq!(items(&*store, "u", 9), ["early", "first of two", "second of two", "late"]);
        assert_eq!(items(&*store, "u", 2), ["second of two", "late"]);
        assert_eq!(items(&*store, "u", 0), [""; 0]);
        // One answer for each that was asked for, also twice and unknown.
        let recent = store.recent(&["nobody", "v", "u", "v"], 1).unwrap();
        let of = |events: &Vec<u2i_live::LiveEvent>| events.first().map(|event| event.item.clone());
        let wanted = [None, Some("of another"), Some("late"), Some("of another")];
        assert_eq!(recent.iter().map(of).collect::<Vec<_>>(), wanted.map(|item| item.map(str::to_owned)));
        assert!(store.recent(&[], 5).unwrap().is_empty());
    });
}

#[test]
fn counts_are_those_of_each_item_and_hour_from_a_second_on() {
    on_each(|place| {
        let store = place.open();
        let at = [-3601, -3600, -1, 0, 3599, 3600, 7199, 7200];
        let events: Vec<_> = at.iter().map(|&time_s| event(&time_s.to_string(), "u", "i", time_s)).collect();
        store.append(&events).unwrap();
        store.append(&[event("other", "v", "j", 3599)]).unwrap();
        let counts = |since_s| {
            let mut counts = store.counts_since(since_s).unwrap();
            counts.sort();
            counts
        };
        let count = |item: &str, hour, n| HourCount { item: item.to_owned(), hour, kind: None, n };
        let of_i =
            |counts: &[(i64, u64)]| counts.iter().map(|&(hour, n)| count("i", hour, n)).collect::<Vec<_>>();
        let all = of_i(&[(-2, 1), (-1, 2), (0, 2), (1, 2), (2, 1)]);
        assert_eq!(counts(i64::MIN), [all, vec![count("j", 0, 1)]].concat());
        assert_eq!(counts(3599), [of_i(&[(0, 1), (1, 2), (2, 1)]), vec![count("j", 0, 1)]].concat());
        assert_eq!(counts(7201), []);
        let of_kind =
            |id: &str, kind: &str| NewEvent { kind: Some(kind.to_owned()), ..event(id, "u", "k", 9000) };
        store.append(&[of_kind("a", "buy"), of_kind("b", "view"), of_kind("c", "buy")]).unwrap();
        let kind = |kind: &str, n| HourCount { kind: Some(kind.to_owned()), ..count("k", 2, n) };
        assert_eq!(counts(7201), [kind("buy", 2), kind("view", 1)]);
    });
}

#[test]
fn hidden_items_last_and_their_revision_tells_others() {
    on_each(|place| {
        let texts = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        let store = place.open();
        assert!(store.hidden().unwrap().is_empty());
        let before = store.revision().unwrap();
        assert_eq!(store.revision().unwrap(), before);
        store.set_hidden(&texts(&["b", "a", "Z", "b"])).unwrap();
        let between = store.revision().unwrap();
        assert_ne!(between, before);
        store.append(&[event("a", "u", "i", 0)]).unwrap();
        assert_eq!(store.revision().unwrap(), between);
        drop(store);
        let store = place.open();
        assert_eq!(store.hidden().unwrap(), ["Z", "a", "b"]);
        assert_eq!(store.revision().unwrap(), between);
        store.set_hidden(&texts(&["c", "a"])).unwrap();
        assert_eq!(store.hidden().unwrap(), ["a", "c"]);
        store.set_hidden(&[]).unwrap();
        assert!(store.hidden().unwrap().is_empty());
        let after = store.revision().unwrap();
        store.forget_user("u").unwrap();
        assert_ne!(store.revision().unwrap(), after);
    });
}

#[test]
fn what_is_too_old_is_removed_and_no_more() {
    on_each(|place| {
        let store = place.open();
        // More than one piece.
        let n = 25_000;
        let events: Vec<_> = (0..n).map(|i| event(&i.to_string(), "u", "i", i * 7919 % n)).collect();
        for some in events.chunks(5_000) {
            store.append(some).unwrap();
        }
        assert_eq!(store.expire(0).unwrap(), 0);
        assert_eq!(store.expire(24_000).unwrap(), 24_000);
        assert_eq!(store.expire(24_000).unwrap(), 0);
        let wanted: Vec<_> = events.iter().filter(|event| event.time_s >= 24_000).cloned().collect();
        assert_eq!(exported(&*store), wanted);
        assert_eq!(store.recent(&["u"], 9999).unwrap()[0].len(), 1_000);
        // What was removed is no duplicate.
        assert_eq!(store.append(&events[..1]).unwrap().accepted, 1);
    });
}

#[test]
fn a_store_can_be_read_back_while_another_part_serves_with_it() {
    on_each(|place| {
        let store = place.open();
        let events: Vec<_> = (0..10_000).map(|i| event(&i.to_string(), "u", "i", i)).collect();
        store.append(&events).unwrap();
        let log = open_log(&place.address).unwrap();
        assert_eq!(log.n_events(None).unwrap(), 10_000);
        let (mut read, mut n) = (Vec::new(), 0);
        let exported = log.export(Some(100), &mut |event| {
            // Appending goes on: nothing is held meanwhile.
            if n % 1000 == 0 {
                store.append(&[crate::event(&format!("more-{n}"), "u", "i", 0)]).unwrap();
            }
            n += 1;
            read.push(event);
            if n == 9_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(exported.unwrap(), 9_000);
        assert_eq!(read, events[100..9_100]);
        store.check().unwrap();
    });
}

//! A store against a plain list of events.

use std::collections::HashSet;
use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use u2i_live::{LiveEvent, LiveStore, NewEvent};

use crate::places::Place;

/// Something that is asked of both.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<NewEvent>),
    Forget(String),
    Expire(i64),
    Hide(Vec<String>),
    Reopen,
}

/// Few of each, so that they meet.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let user = || (0..5).prop_map(|user| format!("user-{user}"));
    let kind = prop_oneof![Just(None), Just(Some("view".to_owned()))];
    let event = (0..60, user(), 0..4, 0..20_i64, kind).prop_map(|(event_id, user, item, time_s, kind)| {
        NewEvent { event_id: format!("event-{event_id}"), user, item: format!("item-{item}"), time_s, kind }
    });
    let step = prop_oneof![
        8 => prop::collection::vec(event, 1..8).prop_map(Step::Append),
        1 => user().prop_map(Step::Forget),
        1 => (0..20_i64).prop_map(Step::Expire),
        1 => prop::collection::vec((0..4).prop_map(|item| format!("item-{item}")), 0..4).prop_map(Step::Hide),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..24)
}

#[derive(Default)]
struct Model {
    events: Vec<NewEvent>,
    forgotten: HashSet<String>,
    hidden: Vec<String>,
}

impl Model {
    /// Does a step, and says how many events it appended or removed.
    fn take(&mut self, step: &Step) -> usize {
        let before = self.events.len();
        match step {
            Step::Append(events) => {
                for event in events {
                    if self.events.iter().all(|known| known.event_id != event.event_id) {
                        self.events.push(event.clone());
                    }
                }
            }
            Step::Forget(user) => {
                self.events.retain(|event| event.user != *user);
                self.forgotten.insert(user.clone());
            }
            Step::Expire(before_s) => self.events.retain(|event| event.time_s >= *before_s),
            Step::Hide(items) => {
                self.hidden.clone_from(items);
                self.hidden.sort();
                self.hidden.dedup();
            }
            Step::Reopen => {}
        }
        before.abs_diff(self.events.len())
    }

    fn recent(&self, user: &str, n: usize) -> Vec<LiveEvent> {
        let mut of_user: Vec<&NewEvent> = self.events.iter().filter(|event| event.user == user).collect();
        of_user.sort_by_key(|event| event.time_s);
        let newest = of_user[of_user.len().saturating_sub(n)..].iter();
        let live = |event: &&NewEvent| LiveEvent {
            item: event.item.clone(),
            time_s: event.time_s,
            kind: event.kind.clone(),
        };
        newest.map(live).collect()
    }
}

fn compare(place: &Place, steps: &[Step]) {
    let mut store = Some(place.open());
    let mut model = Model::default();
    for step in steps {
        if matches!(step, Step::Reopen) {
            drop(store.take());
            store = Some(place.open());
        }
        let store: &dyn LiveStore = &**store.as_ref().unwrap();
        let changed = model.take(step);
        match step {
            Step::Append(events) => {
                let appended = store.append(events).unwrap();
                assert_eq!((appended.accepted, appended.duplicates), (changed, events.len() - changed));
            }
            Step::Forget(user) => assert_eq!(store.forget_user(user).unwrap(), changed as u64),
            Step::Expire(before_s) => assert_eq!(store.expire(*before_s).unwrap(), changed as u64),
            Step::Hide(items) => store.set_hidden(items).unwrap(),
            Step::Reopen => {}
        }
        let users: Vec<String> = (0..6).map(|user| format!("user-{user}")).collect();
        let asked: Vec<&str> = users.iter().map(String::as_str).collect();
        for n in [1, 3, 100] {
            let wanted: Vec<_> = asked.iter().map(|user| model.recent(user, n)).collect();
            assert_eq!(store.recent(&asked, n).unwrap(), wanted);
        }
        let is_forgotten: Vec<bool> = users.iter().map(|user| model.forgotten.contains(user)).collect();
        assert_eq!(store.is_forgotten(&asked).unwrap(), is_forgotten);
        let forgotten = store.forgotten().unwrap();
        assert_eq!(asked.iter().map(|user| forgotten.contains(user)).collect::<Vec<_>>(), is_forgotten);
        assert_eq!(forgotten.len(), model.forgotten.len());
        assert_eq!(store.hidden().unwrap(), model.hidden);
        let mut events = Vec::new();
        let n = store.export(None, &mut |event| {
            events.push(event);
            ControlFlow::Continue(())
        });
        assert_eq!((n.unwrap(), &events), (model.events.len() as u64, &model.events));
        assert_eq!(
            store.n_events(Some(7)).unwrap(),
            model.events.iter().filter(|e| e.time_s >= 7).count() as u64
        );
    }
}

fn check(cases: u32, place: impl Fn() -> Option<Place>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let run = runner.run(&steps(), |steps| {
        if let Some(place) = place() {
            compare(&place, &steps);
        }
        Ok(())
    });
    run.unwrap();
}

#[test]
fn a_file_is_what_a_plain_list_of_events_is() {
    check(if crate::full() { 500 } else { 40 }, || Some(Place::file()));
}

#[cfg(feature = "postgres")]
#[test]
fn a_server_is_what_a_plain_list_of_events_is() {
    if Place::server().is_some() {
        check(if crate::full() { 100 } else { 10 }, Place::server);
    }
}

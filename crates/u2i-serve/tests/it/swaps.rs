//! H7: another bundle takes the place of the one in force, and what is not fit for it never does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use u2i_bundle::{IndexPlan, Manifest, Recommender, Request};
use u2i_serve::ServeOptions;

use crate::fixture::{Fixture, Kind, SMALL, Size, device, history, top, user};
use crate::full;
use crate::http::Client;
use crate::running::{List, Running, listed, options, wanted};

const AT_S: i64 = 200_000;

/// Several bundles, and a link to one of them.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn link(&self) -> PathBuf {
        self.path("current")
    }

    fn write(&self, name: &str, fixture: &Fixture) -> String {
        name_of(&fixture.write(&self.path(name), IndexPlan::Exact).unwrap())
    }

    /// Has the link lead to another bundle, in one step.
    fn point(&self, name: &str) {
        let aside = self.path("aside");
        std::os::unix::fs::symlink(self.path(name), &aside).unwrap();
        std::fs::rename(&aside, self.link()).unwrap();
    }

    fn copy(&self, from: &str, to: &str) -> PathBuf {
        let (from, to) = (self.path(from), self.path(to));
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        to
    }
}

fn name_of(manifest: &Manifest) -> String {
    manifest.manifest_sha256[..16].to_owned()
}

/// Requests, and what each of some bundles answers to them.
struct Asked {
    bodies: Vec<Value>,
    /// Of a bundle by its name.
    lists: Vec<(String, Vec<List>)>,
}

impl Asked {
    fn new(bundles: &[(&str, &Path)]) -> Self {
        let mut requests: Vec<(Value, Request)> = Vec::new();
        for row in 1..30 {
            let id = format!("user {row}");
            requests.push((json!({ "user": id, "at": AT_S }), user(&id)));
            let ids = [format!("film {row}"), "film 2".to_owned()];
            let ids = [ids[0].as_str(), ids[1].as_str()];
            requests.push((json!({ "history": ids, "at": AT_S }), history(&ids)));
        }
        requests.push((json!({ "user": "nobody", "at": AT_S }), user("nobody")));
        let of = |(id, path): &(&str, &Path)| {
            let recommender = Recommender::open(path, &device()).unwrap();
            let list = |(_, own): &(Value, Request)| {
                wanted(&recommender, &Request { at_s: Some(AT_S), ..own.clone() }, &top(10))
            };
            ((*id).to_owned(), requests.iter().map(list).collect())
        };
        let lists = bundles.iter().map(of).collect();
        Asked { bodies: requests.into_iter().map(|(body, _)| body).collect(), lists }
    }

    /// Sees that an answer is wholly that of the bundle that it names.
    fn look(&self, bundle_id: &Value, i: usize, answer: &Value) {
        let (_, lists) =
            self.lists.iter().find(|(id, _)| bundle_id == id).unwrap_or_else(|| panic!("{bundle_id}"));
        assert_eq!(listed(answer), lists[i], "{}", self.bodies[i]);
    }

    /// Asks until it is told to stop, one by one and in batches. Returns how many answers were looked at.
    fn ask(&self, running: &Running, seed: usize, stop: &AtomicBool) -> usize {
        let mut client = running.client();
        let mut n = 0;
        for round in seed.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let i = round * 7 % self.bodies.len();
            if round % 5 == 0 {
                let body = json!({ "requests": self.bodies });
                let answer = client.post("/v1/recommend", &body).ok();
                for (i, one) in answer["answers"].as_array().unwrap().iter().enumerate() {
                    self.look(&answer["bundle_id"], i, one);
                    n += 1;
                }
            } else {
                let answer = client.post("/v1/recommend", &self.bodies[i]).ok();
                self.look(&answer["bundle_id"], i, &answer);
                n += 1;
            }
        }
        n
    }
}

/// 20 times, 1,000 in full, under the load of three clients: every answer is wholly that of the bundle that it names, and none
/// fails.
#[test]
fn no_answer_fails_or_is_mixed_while_bundles_are_exchanged() {
    let place = Place::new();
    let ids = [1, 2]
        .map(|seed| place.write(&format!("bundle-{seed}"), &Fixture::new(Kind::Attentive, SMALL, seed)));
    let paths = [1, 2].map(|seed| place.path(&format!("bundle-{seed}")));
    let asked = Asked::new(&[(&ids[0], &paths[0]), (&ids[1], &paths[1])]);
    let differing = asked.lists[0].1.iter().zip(&asked.lists[1].1).filter(|(a, b)| a != b).count();
    assert_eq!(differing, asked.bodies.len(), "a mixture would be seen");
    place.point("bundle-1");
    let running = Running::start(&options(&place.link()));
    let stop = AtomicBool::new(false);
    let n = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (asked, running, stop, n) = (&asked, &running, &stop, &n);
            scope.spawn(move || n.fetch_add(asked.ask(running, seed, stop), Ordering::Relaxed));
        }
        // The others stop, too, if one of these fails.
        let _stop = Stopping(&stop);
        let mut client = running.client();
        for round in 0..if full() { 1000 } else { 20 } {
            let (from, to) = (round % 2, (round + 1) % 2);
            place.point(&format!("bundle-{}", to + 1));
            let done = client.post("/v1/bundle", &json!({ "bundle_id": ids[to], "allow_older": true })).ok();
            assert_eq!((&done["swapped"], &done["bundle_id"]), (&json!(true), &json!(ids[to])));
            assert_eq!(done["previous_bundle_id"], ids[from]);
            assert!(done["n_tried"].as_u64().unwrap() > 0 && done["agreement"].is_f64(), "{done}");
            // From the next request on.
            assert_eq!(client.post("/v1/recommend", &json!({})).ok()["bundle_id"], ids[to]);
        }
    });
    let n = n.into_inner();
    assert!(n > 100, "only {n} answers");
}

/// Has threads of a scope end, also where another one panics.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Bundles that are not fit to be in force, each with the code that it is refused with.
fn unfit(place: &Place, good: &Fixture) -> Vec<(&'static str, u16, &'static str)> {
    let newest = good.events.all_times_s().iter().copied().max().unwrap();
    let times = good.events.all_times_s().to_vec();
    let earlier = Fixture::new(Kind::Attentive, SMALL, 2).with_events_where(|_| true);
    let own = earlier.events.all_times_s().to_vec();
    place.write("older", &earlier.with_events_where(|at| own[at] < newest - 20_000));
    assert!(times.len() > 10);
    place.write("foreign", &Fixture::new(Kind::Attentive, Size { users: 30, trained: 12, cold: 3 }, 7));
    place.write("fit", &Fixture::new(Kind::Attentive, SMALL, 2).with_events_where(|_| true));
    let damage = |name: &str, file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = place.copy("fit", name).join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    };
    damage("a changed part", "items.parquet", &|bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    damage("a changed manifest", "manifest.json", &|bytes| {
        let at = bytes
            .windows(8)
            .position(|own| own == b"c0ffee\",")
            .or_else(|| bytes.windows(6).position(|own| own == b"c0ffee"));
        bytes[at.unwrap()] = b'C';
    });
    damage("half a part", "items.parquet", &|bytes| bytes.truncate(bytes.len() / 2));
    damage("half a manifest", "manifest.json", &|bytes| bytes.truncate(bytes.len() / 2));
    damage("a newer format", "manifest.json", &|bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let newer = text.replacen("\"format\": 1", "\"format\": 99", 1);
        assert_ne!(text, newer);
        *bytes = newer.into_bytes();
    });
    std::fs::remove_file(place.copy("fit", "half the files").join("users.parquet")).unwrap();
    std::fs::remove_file(place.copy("fit", "no manifest").join("manifest.json")).unwrap();
    std::fs::create_dir(place.path("nothing")).unwrap();
    std::fs::write(place.path("a file"), "bundle").unwrap();
    // A part of another bundle, which is a good one.
    let mixture = place.copy("fit", "a mixture");
    std::fs::copy(place.path("foreign").join("items.parquet"), mixture.join("items.parquet")).unwrap();
    vec![
        ("older", 422, "older_bundle"),
        ("foreign", 422, "foreign_bundle"),
        ("a changed part", 422, "bad_bundle"),
        ("a changed manifest", 422, "bad_bundle"),
        ("half a part", 422, "bad_bundle"),
        ("half a manifest", 422, "bad_bundle"),
        ("a newer format", 422, "bad_bundle"),
        ("half the files", 422, "bad_bundle"),
        ("no manifest", 422, "bad_bundle"),
        ("nothing", 422, "bad_bundle"),
        ("a file", 422, "bad_bundle"),
        ("a mixture", 422, "bad_bundle"),
        ("not there", 422, "bad_bundle"),
    ]
}

#[test]
fn what_is_not_fit_never_gets_in_and_the_old_one_goes_on() {
    let place = Place::new();
    let good = Fixture::new(Kind::Attentive, SMALL, 1);
    let id = place.write("good", &good);
    let unfit = unfit(&place, &good);
    let asked = Asked::new(&[(&id, &place.path("good"))]);
    place.point("good");
    let running = Running::start(&options(&place.link()));
    let mut client = running.client();
    let answered = |client: &mut Client| {
        let answer = client.post("/v1/recommend", &json!({ "requests": asked.bodies })).ok();
        for (i, one) in answer["answers"].as_array().unwrap().iter().enumerate() {
            asked.look(&answer["bundle_id"], i, one);
        }
    };
    answered(&mut client);
    for (name, status, code) in unfit {
        place.point(name);
        let found = client.post("/v1/bundle", &json!({})).problem();
        assert_eq!(found, (status, code.to_owned(), None), "{name}");
        answered(&mut client);
        assert_eq!(client.get("/readyz").status, 200);
    }
    // Another one than the caller wants, which may have come meanwhile.
    place.point("fit");
    let (status, code, _) = client.post("/v1/bundle", &json!({ "bundle_id": id })).problem();
    assert_eq!((status, code.as_str()), (409, "other_bundle"));
    answered(&mut client);
    // The same one again is no exchange.
    place.point("good");
    let same = client.post("/v1/bundle", &json!({})).ok();
    assert_eq!((&same["swapped"], &same["bundle_id"]), (&json!(false), &json!(id)));
    // An older one gets in where that is allowed, and the way back is an ordinary one.
    place.point("older");
    assert_eq!(client.post("/v1/bundle", &json!({ "allow_older": true })).ok()["swapped"], true);
    place.point("good");
    assert_eq!(client.post("/v1/bundle", &json!({})).ok()["swapped"], true);
    answered(&mut client);
    let counted = client.get("/metrics").text();
    assert!(counted.contains("u2i_swaps_total{result=\"refused\"}"), "{counted}");
}

/// The folder is looked at by itself. What is not fit is left where it is and told of once; what comes after it and is fit
/// gets in.
#[test]
fn a_watched_folder_gives_its_bundles_and_none_that_is_not_fit() {
    let place = Place::new();
    let good = Fixture::new(Kind::Attentive, SMALL, 1);
    let id = place.write("good", &good);
    let unfit = unfit(&place, &good);
    // Not older than the first.
    let newest = |fixture: &Fixture| fixture.events.all_times_s().iter().copied().max().unwrap();
    let later = (2..)
        .map(|seed| Fixture::new(Kind::Attentive, SMALL, seed))
        .find(|own| newest(own) >= newest(&good))
        .unwrap();
    let later_id = place.write("later", &later);
    let asked = Asked::new(&[(&id, &place.path("good")), (&later_id, &place.path("later"))]);
    place.point("good");
    let running = Running::start(&ServeOptions { watch: true, ..options(&place.link()) });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| asked.ask(&running, 0, &stop));
        let _stop = Stopping(&stop);
        let mut client = running.client();
        let in_force =
            |client: &mut Client| client.post("/v1/recommend", &json!({})).ok()["bundle_id"].clone();
        for (name, ..) in &unfit[..5] {
            place.point(name);
            std::thread::sleep(Duration::from_millis(400));
            assert_eq!(in_force(&mut client), id, "{name}");
        }
        // Longer than it takes between two looks.
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(in_force(&mut client), id);
        place.point("later");
        // It takes as long as it takes: the test ends by itself.
        while in_force(&mut client) != later_id {
            std::thread::sleep(Duration::from_millis(20));
        }
        place.point("good");
        std::thread::sleep(Duration::from_millis(1600));
        if newest(&later) > newest(&good) {
            assert_eq!(in_force(&mut client), later_id, "an older one got in");
        }
        drop(_stop);
        assert!(asking.join().unwrap() > 20);
    });
}

/// A second bundle answers beside the one in force, where a request says so, and their agreement is counted.
#[test]
fn a_shadow_answers_beside_the_bundle_in_force() {
    let place = Place::new();
    let ids = [1, 2].map(|seed| place.write(&format!("bundle-{seed}"), &Fixture::new(Kind::Fm, SMALL, seed)));
    let paths = [1, 2].map(|seed| place.path(&format!("bundle-{seed}")));
    let asked = Asked::new(&[(&ids[0], &paths[0]), (&ids[1], &paths[1])]);
    let running = Running::start(&ServeOptions { shadow: Some(paths[1].clone()), ..options(&paths[0]) });
    let mut client = running.client();
    for (i, body) in asked.bodies.iter().enumerate() {
        for (which, id) in [("current", &ids[0]), ("shadow", &ids[1])] {
            let mut body = body.clone();
            body["bundle"] = json!(which);
            let answer = client.post("/v1/recommend", &body).ok();
            assert_eq!(answer["bundle_id"], **id);
            asked.look(&answer["bundle_id"], i, &answer);
            let vectors = client.post("/v1/vectors", &json!({ "user": "user 1", "bundle": which })).ok();
            assert_eq!(vectors["bundle_id"], **id);
        }
    }
    let shown = client.get("/v1/bundle").ok();
    assert_eq!((&shown["bundle_id"], &shown["shadow"]["bundle_id"]), (&json!(ids[0]), &json!(ids[1])));
    let counted = client.get("/metrics").text();
    assert!(counted.contains("u2i_shadow_agreement"), "{counted}");
}

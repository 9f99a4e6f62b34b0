//! H5: what is too much is refused at once, and taken when it comes again.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use u2i_serve::{Limits, ServeOptions};

use crate::fixture::history;
use crate::fixture::top;
use crate::running::{Bundle, Running, listed, options, wanted};

/// One thread, two places, and 24 clients with work for it: who finds no place is told when to come again and does, and
/// every answer is right.
#[test]
fn whoever_is_refused_is_answered_when_they_ask_again() {
    let bundle = Bundle::small();
    let recommender = bundle.open();
    let limits = Limits { waiting: 2, ..Limits::default() };
    let threads = NonZeroUsize::MIN;
    let running = Running::start(&ServeOptions { limits, threads, ..options(&bundle.path()) });
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for i in 0..24 {
            let (running, recommender, refused) = (&running, &recommender, &refused);
            scope.spawn(move || {
                let ids = [format!("film {}", i % 40), "film 2".to_owned()];
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                let mut own = history(&ids);
                own.at_s = Some(200_000);
                let list = wanted(recommender, &own, &top(10));
                // Of some the work is a batch, which takes its time.
                let request = json!({ "history": ids, "at": 200_000 });
                let n = if i % 3 == 0 { 200 } else { 1 };
                let body = json!({ "requests": vec![request; n] });
                let mut client = running.client();
                let mut answered = 0;
                while answered < 5 {
                    let answer = client.post("/v1/recommend", &body);
                    if answer.status == 200 {
                        answered += 1;
                        let answers = answer.json();
                        let answers = answers["answers"].as_array().unwrap();
                        assert!(answers.len() == n && answers.iter().all(|answer| listed(answer) == list));
                    } else {
                        assert_eq!(answer.problem(), (503, "overloaded".to_owned(), None));
                        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                        assert!(seconds >= 1);
                        refused.fetch_add(1, Ordering::Relaxed);
                        // Not as long as that: it is to be refused a few times more.
                        std::thread::sleep(std::time::Duration::from_millis(20));
                    }
                }
            });
        }
    });
    assert!(refused.load(Ordering::Relaxed) > 0);
    // Health is asked for beside the queue.
    assert_eq!(running.client().get("/readyz").status, 200);
    let measures = running.client().get("/metrics").text();
    assert!(measures.contains("\nu2i_queue_depth "), "{measures}");
}

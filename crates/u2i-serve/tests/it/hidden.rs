//! Hidden items are in no answer, from the next request on and over restarts.

use serde_json::{Value, json};

use crate::http::Client;
use crate::running::{Bundle, listed};

fn ids(client: &mut Client, request: Value) -> Vec<String> {
    listed(&client.post("/v1/recommend", &request).ok()).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn hidden_items_are_in_no_answer_and_stay_hidden_over_restarts() {
    let bundle = Bundle::small();
    let mut running = bundle.serve();
    let mut client = running.client();
    let of_user = json!({ "user": "user 3", "at": 200_000, "k": 6 });
    let of_nobody = json!({ "user": "nobody", "at": 200_000, "k": 6 });
    let like = "/v1/items/film%203/similar?k=6";
    let similar = |client: &mut Client| -> Vec<String> {
        listed(&client.get(like).ok()).into_iter().map(|(id, _)| id).collect()
    };
    let mut hidden: Vec<String> = Vec::new();
    // The best of each list in turn, and again the best of what is left.
    for _ in 0..3 {
        let (a, b, c) =
            (ids(&mut client, of_user.clone()), ids(&mut client, of_nobody.clone()), similar(&mut client));
        for list in [&a, &b, &c] {
            assert!(list.len() == 6 && list.iter().all(|id| !hidden.contains(id)), "{list:?} of {hidden:?}");
        }
        hidden.extend([a[0].clone(), b[0].clone(), c[0].clone(), "no item of it".to_owned()]);
        let told = client.put("/v1/hidden", &json!({ "items": hidden })).ok();
        hidden.sort();
        hidden.dedup();
        assert_eq!(told, json!({ "items": hidden }));
        let (now, rest) = (ids(&mut client, of_user.clone()), &a[1..]);
        // Nothing else changes: what is left moves up.
        let left: Vec<&String> = rest.iter().filter(|id| !hidden.contains(id)).collect();
        assert!(now.iter().take(left.len()).eq(left), "{now:?} after {a:?}");
        // Not even where nothing else may come back.
        let only = json!({ "user": "user 3", "at": 200_000, "allow": hidden });
        assert_eq!(ids(&mut client, only), [""; 0]);
    }
    let item = |client: &mut Client| {
        client.get(&format!("/v1/items/{}", hidden[0].replace(' ', "%20"))).ok()["hidden"].clone()
    };
    assert_eq!(item(&mut client), true);
    let before = ids(&mut client, of_user.clone());
    drop(running);
    running = bundle.serve();
    client = running.client();
    assert_eq!(client.get("/v1/hidden").ok(), json!({ "items": hidden }));
    assert_eq!(ids(&mut client, of_user.clone()), before);
    client.put("/v1/hidden", &json!({ "items": [] })).ok();
    assert_ne!(ids(&mut client, of_user), before);
    assert_eq!(item(&mut client), false);
}

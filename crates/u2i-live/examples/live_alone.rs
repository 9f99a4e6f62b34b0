//! A user buys something, comes back after a restart, and is forgotten.

use u2i_live::{LiveStore, NewEvent, open};

fn bought(event_id: &str, item: &str, time_s: i64) -> NewEvent {
    let kind = Some("purchase".to_owned());
    NewEvent { event_id: event_id.to_owned(), user: "ada".to_owned(), item: item.to_owned(), time_s, kind }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("u2i-live-alone-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let address = folder.join("events.db").display().to_string();

    let store: Box<dyn LiveStore> = open(&address, 2)?;
    let appended = store.append(&[bought("a", "tea", 7200), bought("b", "cup", 7260)])?;
    assert_eq!((appended.accepted, appended.duplicates), (2, 0));
    // The client did not hear of it and sends it again.
    let appended = store.append(&[bought("b", "cup", 7260), bought("c", "pot", 3600)])?;
    assert_eq!(appended.was_there, [true, false]);
    drop(store);

    let store = open(&address, 2)?;
    let items = |n| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let [events] = &store.recent(&["ada"], n)?[..] else { return Err("one user, one history".into()) };
        Ok(events.iter().map(|event| event.item.clone()).collect())
    };
    assert_eq!(items(10)?, ["pot", "tea", "cup"]);
    assert_eq!(items(2)?, ["tea", "cup"]);
    let mut counts = store.counts_since(7200)?;
    counts.sort();
    assert_eq!(
        counts.iter().map(|count| (&count.item[..], count.hour, count.n)).collect::<Vec<_>>(),
        [("cup", 2, 1), ("tea", 2, 1)]
    );

    assert_eq!(store.forget_user("ada")?, 3);
    assert!(items(10)?.is_empty());
    assert_eq!(store.is_forgotten(&["ada", "bob"])?, [true, false]);
    drop(store);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

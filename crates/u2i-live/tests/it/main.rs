//! What a store of events promises, on SQLite and, where there is a server, on PostgreSQL.

mod common;
mod damage;
mod export;
mod forgetting;
mod killed;
mod model;
mod places;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
#[path = "../../../../xtask/src/skipped.rs"]
mod skipped;
mod sqlite;

use u2i_live::NewEvent;

/// Whether the figures of `docs/reliability.md` are taken in full, as `cargo xtask ci --full` does.
fn full() -> bool {
    std::env::var_os("U2I_FULL").is_some_and(|value| value == "1")
}

fn event(event_id: &str, user: &str, item: &str, time_s: i64) -> NewEvent {
    let text = str::to_owned;
    NewEvent { event_id: text(event_id), user: text(user), item: text(item), time_s, kind: None }
}

//! The service over HTTP: each promise of `docs/reliability.md`, H1 to H12, has its test here or, where it takes a process
//! of its own, among the tests of the command.

mod access;
mod batches;
mod bodies;
mod document;
mod events;
mod fields;
#[path = "../../../u2i-bundle/tests/it/fixture.rs"]
#[allow(dead_code)]
mod fixture;
mod forgetting;
mod fuzz;
mod hidden;
#[allow(dead_code)]
mod http;
mod overload;
mod running;
mod served;
mod slow;
mod strategies;
mod swaps;

/// Whether the figures of `docs/reliability.md` are taken in full, as `cargo xtask ci --full` does.
fn full() -> bool {
    std::env::var_os("U2I_FULL").is_some_and(|value| value == "1")
}

/// What a service shares among threads.
#[test]
fn a_service_and_what_stops_it_may_be_used_from_any_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<u2i_serve::Service>();
    is_shared::<u2i_serve::Stop>();
    is_shared::<u2i_serve::ServeOptions>();
    is_shared::<u2i_bundle::Recommender>();
}

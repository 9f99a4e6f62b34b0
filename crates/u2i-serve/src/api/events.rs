//! `POST /v1/events`: what users just did.

use axum::extract::State;
use axum::response::Response;
use metrics::counter;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use u2i_live::NewEvent;
use utoipa::ToSchema;

use super::recommend::check_batch;
use super::reply::json;
use super::wire::{Id, Moment};
use crate::app::App;
use crate::body::{JsonBatch, parse};
use crate::error::ApiError;
use crate::live::now_s;

/// Bytes of a kind of events, at most.
const KIND_BYTES: usize = 64;

/// Something that a user did with an item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    /// Names the event: one that was sent before is not counted again. Without it every sending is an event.
    pub event_id: Option<Id>,
    /// Who.
    pub user: Id,
    /// With what. It may be an item that the bundle does not know yet.
    pub item: Id,
    /// When; now, if it is not given.
    pub time: Option<Moment>,
    /// What it was: `view`, `buy`.
    #[schema(max_length = 64)]
    pub kind: Option<String>,
}

/// Several events, all of which are taken or none. The list is the first key where the body is a large one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBatch {
    #[schema(value_type = Vec<Event>, min_items = 1, max_items = 1000)]
    events: Vec<Value>,
}

/// One event, or several.
#[derive(ToSchema)]
#[schema(as = EventBody)]
#[expect(dead_code, reason = "it describes what is read by hand")]
#[serde(untagged)]
pub(crate) enum EventBody {
    One(Event),
    Several(EventBatch),
}

/// What became of events. They are on the disk now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Taken {
    /// Events that were new.
    accepted: usize,
    /// Events that were there already, by their `event_id`.
    duplicates: usize,
}

impl Event {
    fn into_new(self, given: impl FnOnce() -> String) -> Result<NewEvent, ApiError> {
        let kind = self.kind.filter(|kind| !kind.is_empty());
        if let Some(kind) = kind.as_ref().filter(|kind| kind.len() > KIND_BYTES || kind.contains('\0')) {
            return Err(ApiError::bad(
                "kind",
                format!("expected at most {KIND_BYTES} bytes without NUL, found {}", kind.len()),
            ));
        }
        Ok(NewEvent {
            event_id: self.event_id.map_or_else(given, |Id(id)| id),
            user: self.user.0,
            item: self.item.0,
            time_s: self.time.map_or_else(now_s, |time| time.0),
            kind,
        })
    }
}

/// Takes events. They count from the next request on: in histories, among what was seen, in the popularity of the day.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", request_body = EventBody,
    responses(
        (status = 200, description = "All are kept, whatever happens next", body = Taken),
        (status = "4XX", description = "What is wrong; none was taken", body = crate::error::Problem),
        (status = 503, description = "The store does not answer, or too much waits; none is known to be kept, and with an \
                                      `event_id` it is safe to send them again", body = crate::error::Problem),
    )
)]
pub(crate) async fn events(State(app): State<App>, JsonBatch(body): JsonBatch) -> Result<Response, ApiError> {
    let events = match body.get("events") {
        None => vec![parse::<Event>(body)?.into_new(|| app.event_id())?],
        Some(_) => {
            let EventBatch { events } = parse(body)?;
            check_batch("events", events.len(), &app)?;
            let one = |(i, event): (usize, Value)| {
                let event = parse::<Event>(event).and_then(|event| event.into_new(|| app.event_id()));
                event.map_err(|error| error.below(&format!("events[{i}]")))
            };
            events.into_iter().enumerate().map(one).collect::<Result<_, _>>()?
        }
    };
    let (appended, events) = app.with_store(move |store| Ok((store.append(&events)?, events))).await?;
    let new: Vec<NewEvent> = events
        .into_iter()
        .zip(&appended.was_there)
        .filter(|(_, there)| !**there)
        .map(|(event, _)| event)
        .collect();
    let u2i_live::Appended { accepted, duplicates, .. } = appended;
    app.live.count(&new);
    counter!("u2i_events_total", "result" => "accepted").increment(accepted as u64);
    counter!("u2i_events_total", "result" => "duplicate").increment(duplicates as u64);
    json(&Taken { accepted, duplicates })
}

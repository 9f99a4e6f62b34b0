//! `/v1/users`: who is known, what they did, what to recommend to them, and how they are forgotten.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use metrics::counter;
use serde::{Deserialize, Serialize};
use u2i_live::LiveStore;
use utoipa::{IntoParams, ToSchema};

use super::params::{IdInPath, Params};
use super::recommend::{RecommendRequest, SeenItems, one};
use super::reply::json;
use super::which::Which;
use super::wire::{Id, Moment};
use crate::app::App;
use crate::error::{ApiError, Problem};
use crate::live::RECENT;

/// How many users or items a search gives at most.
const FOUND: usize = 100;
/// Events of a user that are shown at most.
const SHOWN: usize = RECENT;

/// What is recommended to a user, as in `POST /v1/recommend`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    /// How many items; 10 if it is not given.
    #[param(minimum = 1, maximum = 1000)]
    k: Option<usize>,
    /// A condition on items.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Whether items of the history may come back.
    #[param(inline)]
    seen: Option<SeenItems>,
    /// By how many items of the history each result is explained.
    #[param(minimum = 0, maximum = 10)]
    explain: Option<usize>,
    /// Whether all items are compared.
    #[serde(default)]
    exact: bool,
    /// Whether items come with their attributes.
    #[serde(default)]
    details: bool,
    /// The moment that is asked about.
    #[param(value_type = Option<Moment>)]
    at: Option<String>,
    /// Which bundle answers.
    #[serde(default)]
    #[param(inline)]
    bundle: Which,
}

/// Recommends items to a user.
#[utoipa::path(
    get, path = "/v1/users/{id}/recommendations", tag = "recommend",
    params(("id" = String, Path, description = "The user's id"), ListParams),
    responses(
        (status = 200, description = "The items, best first", body = serde_json::Value),
        (status = "4XX", description = "What is wrong with the request", body = Problem),
        (status = 503, description = "Too much waits", body = Problem),
    )
)]
pub(crate) async fn recommendations(
    State(app): State<App>,
    IdInPath(id): IdInPath,
    Params(list): Params<ListParams>,
) -> Result<Response, ApiError> {
    let at =
        list.at.as_deref().map(Moment::parse).transpose().map_err(|reason| ApiError::bad("at", reason))?;
    let request = RecommendRequest {
        user: Some(Id(id)),
        k: list.k,
        at,
        condition: list.condition,
        seen: list.seen,
        explain: list.explain,
        exact: list.exact,
        details: list.details,
        bundle: list.bundle,
        ..RecommendRequest::default()
    };
    let (ask, which) = request.into_ask(&app)?;
    one(&app, ask, which).await
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindParams {
    /// How the id begins; all, if it is not given.
    #[serde(default)]
    query: String,
    /// How many, at most 100; 20 if it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

pub(super) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked.unwrap_or(20) {
        n if (1..=FOUND).contains(&n) => Ok(n),
        n => Err(ApiError::bad("limit", format!("expected 1 to {FOUND}, found {n}"))),
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UsersFound {
    users: Vec<UserFound>,
    /// Users of the bundle.
    n_users: usize,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UserFound {
    id: String,
    /// Events that the bundle knows of them.
    n_events: usize,
}

/// Users of the bundle by how their ids begin.
#[utoipa::path(
    get, path = "/v1/users", tag = "users", params(FindParams),
    responses((status = 200, description = "Users in the order of their ids", body = UsersFound),
              (status = "4XX", description = "What is wrong with the request", body = Problem))
)]
pub(crate) async fn find(
    State(app): State<App>,
    Params(find): Params<FindParams>,
) -> Result<Response, ApiError> {
    let serving = app.current.serving();
    let limit = limit(find.limit)?;
    // Those who were forgotten take nobody's place.
    let found = serving.recommender.users_from(&find.query, limit + app.live.n_forgotten());
    let users = found.iter().filter(|id| !app.live.is_forgotten(id)).take(limit).map(|id| UserFound {
        id: (*id).to_owned(),
        n_events: serving.recommender.history(id).map_or(0, |events| events.len()),
    });
    json(&UsersFound { users: users.collect(), n_users: serving.recommender.user_ids().len() })
}

/// What is known of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    id: String,
    /// Whether the bundle knows the user.
    known: bool,
    /// The newest 2,000 events of the bundle, oldest first.
    history: Vec<Met>,
    /// The newest 2,000 events since, oldest first.
    live: Vec<Met>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Met {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// In Unix seconds, where it is known.
    time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

/// What a user did, as the bundle knows it and since.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 200, description = "Their events", body = User),
        (status = 404, description = "Nothing is known of such a user", body = Problem),
        (status = "4XX", description = "What is wrong with the request", body = Problem),
    )
)]
pub(crate) async fn user(State(app): State<App>, IdInPath(id): IdInPath) -> Result<Response, ApiError> {
    let serving = app.current.serving();
    let title = |item: &str| serving.recommender.item(item)?.title.map(str::to_owned);
    let history = if app.live.is_forgotten(&id) { None } else { serving.recommender.history(&id) };
    let live = match app.live.store() {
        Some(_) => {
            let user = id.clone();
            app.with_store(move |store| store.recent(&[&user], SHOWN)).await?.pop().unwrap_or_default()
        }
        None => Vec::new(),
    };
    if history.is_none() && live.is_empty() {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "unknown_user",
            format!("nothing is known of a user `{id}`"),
        ));
    }
    let known = history.is_some();
    let events = history.unwrap_or_default();
    let newest = events.len().saturating_sub(SHOWN);
    let history = events.iter().skip(newest).map(|(item, time)| Met {
        id: item.item_id.to_owned(),
        title: item.title.map(str::to_owned),
        time: *time,
        kind: None,
    });
    let live = live.into_iter().map(|event| Met {
        title: title(&event.item),
        id: event.item,
        time: Some(event.time_s),
        kind: event.kind,
    });
    json(&User { history: history.collect(), live: live.collect(), id, known })
}

/// What was forgotten.
#[derive(Serialize, ToSchema)]
pub(crate) struct Forgotten {
    /// Events that were removed from the store.
    forgotten_events: u64,
}

/// Forgets a user: their events leave the store, and those in the bundle are not used any more.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 200, description = "It is as if the user had never come", body = Forgotten),
        (status = "4XX", description = "What is wrong with the request", body = Problem),
        (status = 503, description = "The store does not answer", body = Problem),
    )
)]
pub(crate) async fn forget(State(app): State<App>, IdInPath(id): IdInPath) -> Result<Response, ApiError> {
    let live = Arc::clone(&app.live);
    let forget = move |store: &dyn LiveStore| {
        let n = store.forget_user(&id)?;
        live.read_forgotten()?;
        Ok(n)
    };
    let forgotten_events = app.with_store(forget).await?;
    counter!("u2i_users_forgotten_total").increment(1);
    app.current.forget_recorded();
    json(&Forgotten { forgotten_events })
}

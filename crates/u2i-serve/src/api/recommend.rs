//! `POST /v1/recommend`: one request, or a batch.

use std::num::NonZeroUsize;
use std::str::FromStr as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;
use u2i_bundle::{Options, Request, Search, Seen, Where};
use utoipa::ToSchema;

use super::reply::json_bytes;
use super::which::Which;
use super::wire::{ColumnValue, ColumnValues, Happened, Id, Moment, count};
use crate::app::App;
use crate::ask::Ask;
use crate::body::{JsonBatch, parse};
use crate::error::ApiError;
use crate::jobs::{Job, Recommend, Replies};
use crate::live::now_s;
use crate::pool::answered;
use crate::serving::Serving;

/// Requests of a batch that one thread takes at once.
const PIECE: usize = 32;
/// Items of a history that a result is explained by, at most.
const MOST_REASONS: usize = 10;

/// Whom to recommend items to, and which. A user whom the bundle knows has their history there, and what happened since.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecommendRequest {
    /// The user, known or not.
    pub user: Option<Id>,
    /// Items that the user met, oldest first, in place of what is known of them.
    pub history: Option<Vec<Happened>>,
    /// Columns of the user, for one who is not known.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, ColumnValue>)]
    pub attributes: ColumnValues,
    /// Columns of the request.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, ColumnValue>)]
    pub context: ColumnValues,
    /// How many items; 10 if it is not given.
    #[serde(default, deserialize_with = "count")]
    #[schema(minimum = 1, maximum = 1000)]
    pub k: Option<usize>,
    /// The moment that is asked about: only events before it count.
    pub at: Option<Moment>,
    /// A condition on items: `genres has Comedy and year >= 1990`.
    #[serde(rename = "where")]
    pub condition: Option<String>,
    /// The only items that may come back.
    pub allow: Option<Vec<Id>>,
    /// Items that must not come back.
    #[serde(default)]
    pub deny: Vec<Id>,
    /// Whether items of the history may come back; as it was evaluated, if it is not given.
    pub seen: Option<SeenItems>,
    /// By how many items of the history each result is explained.
    #[serde(default, deserialize_with = "count")]
    #[schema(minimum = 0, maximum = 10)]
    pub explain: Option<usize>,
    /// Whether all items are compared in place of searching the index. Scores do not depend on it.
    #[serde(default)]
    pub exact: bool,
    /// Whether items come with their attributes.
    #[serde(default)]
    pub details: bool,
    /// Which bundle answers.
    #[serde(default)]
    pub bundle: Which,
}

/// What becomes of items of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SeenItems {
    /// They do not come back.
    Excluded,
    /// They may come back.
    Kept,
}

impl From<SeenItems> for Seen {
    fn from(seen: SeenItems) -> Self {
        match seen {
            SeenItems::Excluded => Seen::Excluded,
            SeenItems::Kept => Seen::Kept,
        }
    }
}

/// Several requests, which are answered in their order. The list is the first key where the body is a large one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecommendBatch {
    #[schema(value_type = Vec<RecommendRequest>, min_items = 1, max_items = 1000)]
    pub requests: Vec<Value>,
}

/// One request, or several.
#[derive(ToSchema)]
#[schema(as = RecommendBody)]
#[expect(dead_code, reason = "it describes what is read by hand")]
#[serde(untagged)]
pub(crate) enum RecommendBody {
    One(Box<RecommendRequest>),
    Several(RecommendBatch),
}

impl RecommendRequest {
    /// As a recommender takes it.
    pub fn into_ask(self, app: &App) -> Result<(Ask, Which), ApiError> {
        let limits = app.limits();
        let k = self.k.unwrap_or(10);
        let k = NonZeroUsize::new(k).filter(|k| k.get() <= limits.k);
        let k = k.ok_or_else(|| {
            ApiError::bad("k", format!("expected 1 to {}, found {}", limits.k, self.k.unwrap_or(10)))
        })?;
        let explain = self.explain.unwrap_or(0);
        if explain > MOST_REASONS {
            return Err(ApiError::bad("explain", format!("expected 0 to {MOST_REASONS}, found {explain}")));
        }
        let only = self.condition.as_deref().filter(|text| !text.trim().is_empty());
        let only = only.map(Where::from_str).transpose()?;
        let attributes: Vec<String> = self.attributes.keys().cloned().collect();
        if let Some(twice) = attributes.iter().find(|key| self.context.contains_key(*key)) {
            return Err(ApiError::bad(format!("context.{twice}"), "it stands in `attributes`, too"));
        }
        let mut request = Request {
            user: self.user.map(|Id(id)| id),
            at_s: self.at.map(|at| at.0),
            now_s: Some(now_s()),
            allow: self.allow.map(|ids| ids.into_iter().map(|Id(id)| id).collect()),
            deny: self.deny.into_iter().map(|Id(id)| id).collect(),
            ..Request::default()
        };
        if let Some(history) = self.history {
            request.times_s = history
                .iter()
                .any(|one| one.time.is_some())
                .then(|| history.iter().map(|one| one.time.map(|time| time.0)).collect());
            request.history = Some(history.into_iter().map(|one| one.item.0).collect());
        }
        for (key, value) in self.attributes.into_iter().chain(self.context) {
            match value {
                ColumnValue::Missing => {}
                ColumnValue::One(text) => drop(request.context.insert(key, text)),
                ColumnValue::Several(values) => drop(request.lists.insert(key, values)),
            }
        }
        let mut options = Options::top(k);
        options.seen = self.seen.map(Into::into);
        options.only = only;
        options.explain = explain;
        if self.exact {
            options.search = Search::Exact;
        }
        Ok((Ask { request, options, details: self.details, attributes }, self.bundle))
    }
}

/// Recommends items to one user, or to each of several.
#[utoipa::path(
    post, path = "/v1/recommend", tag = "recommend", request_body = RecommendBody,
    responses(
        (status = 200, description = "The items, best first; for a batch `answers` in the order of the requests, \
                                      of which one at fault is `{error}`", body = Value),
        (status = "4XX", description = "What is wrong with the request", body = crate::error::Problem),
        (status = 503, description = "Too much waits; the header Retry-After says when to try again", body = crate::error::Problem),
    )
)]
pub(crate) async fn recommend(
    State(app): State<App>,
    JsonBatch(body): JsonBatch,
) -> Result<Response, ApiError> {
    if body.get("requests").is_none() {
        let (ask, which) = parse::<RecommendRequest>(body)?.into_ask(&app)?;
        return one(&app, ask, which).await;
    }
    let RecommendBatch { requests } = parse(body)?;
    check_batch("requests", requests.len(), &app)?;
    let mut asks = Vec::with_capacity(requests.len());
    let mut of_all: Option<(Which, Arc<Serving>)> = None;
    for request in requests {
        let ask = parse::<RecommendRequest>(request).and_then(|request| request.into_ask(&app));
        let ask = ask.and_then(|(ask, which)| match &of_all {
            Some((first, _)) if *first == which => Ok(ask),
            Some(_) => Err(ApiError::bad("bundle", "the requests of a batch are for one bundle")),
            None => {
                of_all = Some((which, which.of(&app)?));
                Ok(ask)
            }
        });
        asks.push(ask);
    }
    let serving = of_all.map_or_else(|| app.current.serving(), |(_, serving)| serving);
    let replies = each(&app, &serving, asks).await?;
    Ok(json_bytes(batch(&serving.id, &replies)))
}

/// Answers one request.
pub(crate) async fn one(app: &App, ask: Ask, which: Which) -> Result<Response, ApiError> {
    let serving = which.of(app)?;
    let is_short = app.is_short(&serving, &ask);
    let (job, answer) = job(app, &serving, vec![ask]);
    match is_short {
        true => app.pool.do_or_submit(job)?,
        false => app.pool.submit(job)?,
    }
    let reply = answered(answer).await?.pop();
    let reply = reply.ok_or_else(|| ApiError::internal("the pool", &"no answer"))??;
    Ok(json_bytes(with_bundle(&serving.id, &reply)))
}

fn job(app: &App, serving: &Arc<Serving>, asks: Vec<Ask>) -> (Job, oneshot::Receiver<Replies>) {
    let (reply, answer) = oneshot::channel();
    let job = Job::Recommend(Recommend {
        serving: Arc::clone(serving),
        current: Arc::clone(&app.current),
        live: Arc::clone(&app.live),
        asks,
        span: tracing::Span::current(),
        reply,
    });
    (job, answer)
}

/// Answers those requests of a batch that are none at fault, piece by piece, so that others get their turn.
async fn each(
    app: &App,
    serving: &Arc<Serving>,
    asks: Vec<Result<Ask, ApiError>>,
) -> Result<Replies, ApiError> {
    let (mut good, mut replies) = (Vec::new(), Vec::with_capacity(asks.len()));
    for ask in asks {
        match ask {
            Ok(ask) => {
                good.push(ask);
                replies.push(None);
            }
            Err(error) => replies.push(Some(Err(error))),
        }
    }
    let mut waiting = Vec::new();
    let mut good = good.into_iter().peekable();
    while good.peek().is_some() {
        let (job, answer) = job(app, serving, good.by_ref().take(PIECE).collect());
        match waiting.is_empty() {
            true => app.pool.submit(job)?,
            false => app.pool.submit_further(job).await?,
        }
        waiting.push(answer);
    }
    let mut found = Vec::new();
    for answer in waiting {
        found.extend(answered(answer).await?);
    }
    let mut found = found.into_iter();
    let missing = || Err(ApiError::internal("the pool", &"an answer is missing"));
    Ok(replies
        .into_iter()
        .map(|reply| reply.unwrap_or_else(|| found.next().unwrap_or_else(missing)))
        .collect())
}

pub(super) fn check_batch(field: &str, n: usize, app: &App) -> Result<(), ApiError> {
    let most = app.limits().batch;
    if (1..=most).contains(&n) {
        return Ok(());
    }
    Err(ApiError::bad(field, format!("expected 1 to {most} entries, found {n}")))
}

/// `{"bundle_id": …, ` and then the fields of an object.
fn with_bundle(id: &str, object: &[u8]) -> Vec<u8> {
    let mut body = format!("{{\"bundle_id\":\"{id}\",").into_bytes();
    body.extend_from_slice(object.get(1..).unwrap_or(b"}"));
    body
}

fn batch(id: &str, replies: &Replies) -> Vec<u8> {
    let mut body = format!("{{\"bundle_id\":\"{id}\",\"answers\":[").into_bytes();
    for (i, reply) in replies.iter().enumerate() {
        if i > 0 {
            body.push(b',');
        }
        match reply {
            Ok(answer) => body.extend_from_slice(answer),
            Err(error) => {
                metrics::counter!("u2i_entry_errors_total").increment(1);
                let problem = serde_json::json!({ "error": error.problem("") });
                body.extend_from_slice(problem.to_string().as_bytes());
            }
        }
    }
    body.extend_from_slice(b"]}");
    body
}

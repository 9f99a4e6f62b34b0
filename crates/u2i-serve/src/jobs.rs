//! What the threads of the pool do: encode, search, and write answers as JSON.

use std::collections::VecDeque;
use std::sync::Arc;

use metrics::{counter, histogram};
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::Span;
use u2i_bundle::{Answer, AttributeValues, Happened, Options, Recommender, Request, Seen, Strategy};

use crate::ask::Ask;
use crate::current::Current;
use crate::error::ApiError;
use crate::live::Live;
use crate::pool::Work;
use crate::serving::Serving;

/// What comes back for each [`Ask`]: JSON, or what is wrong with it.
pub(crate) type Replies = Vec<Result<Vec<u8>, ApiError>>;

/// Something to do on a thread of the pool.
pub(crate) enum Job {
    Recommend(Recommend),
    /// Anything else, alone.
    Call(Box<dyn FnOnce() + Send>),
}

/// Requests of one client, for one bundle.
pub(crate) struct Recommend {
    pub serving: Arc<Serving>,
    pub current: Arc<Current>,
    pub live: Arc<Live>,
    pub asks: Vec<Ask>,
    pub span: Span,
    pub reply: oneshot::Sender<Replies>,
}

impl Work for Job {
    fn run(together: Vec<Self>) {
        let mut same: VecDeque<Vec<Recommend>> = VecDeque::new();
        for job in together {
            match job {
                Job::Call(call) => call(),
                // While bundles are exchanged, some wait for the old one.
                Job::Recommend(job) => {
                    let is_same =
                        |others: &&mut Vec<Recommend>| Arc::ptr_eq(&others[0].serving, &job.serving);
                    match same.iter_mut().find(is_same) {
                        Some(others) => others.push(job),
                        None => same.push_back(vec![job]),
                    }
                }
            }
        }
        same.into_iter().for_each(recommend);
    }
}

/// Answers requests for one bundle together.
fn recommend(jobs: Vec<Recommend>) {
    let (serving, current, live) =
        (Arc::clone(&jobs[0].serving), Arc::clone(&jobs[0].current), Arc::clone(&jobs[0].live));
    let (mut asks, mut clients) = (Vec::new(), Vec::new());
    for job in jobs {
        clients.push((job.asks.len(), job.span, job.reply));
        asks.extend(job.asks);
    }
    histogram!("u2i_answered_together").record(asks.len() as f64);
    // A client that has gone needs no answer.
    if let Err(error) = look_up(asks.iter_mut().collect(), &live) {
        for (n, _, reply) in clients {
            let _ = reply.send(vec![Err(error.clone()); n]);
        }
        return;
    }
    current.record(&asks);
    let rows = serving.rows_now(&live);
    let pairs: Vec<(&Request, &Options)> = asks.iter().map(|ask| (&ask.request, &ask.options)).collect();
    let answers = serving.recommender.recommend_each(&pairs, &rows.now());
    let answers: Vec<Result<Answer<'_>, ApiError>> = answers
        .into_iter()
        .zip(&asks)
        .map(|(answer, ask)| answer.map_err(|error| of_context(error.into(), ask)))
        .collect();
    let mut replies = answers.iter().zip(&asks).map(|(answer, ask)| match answer {
        Ok(answer) => {
            measure(answer, ask);
            to_json(&serving.recommender, answer, ask)
        }
        Err(error) => Err(error.clone()),
    });
    for (n, span, reply) in clients {
        let _entered = span.enter();
        let _ = reply.send(replies.by_ref().take(n).collect());
    }
    current.ask_shadow(&serving, &live, &pairs, &answers);
}

/// Adds what is known of users since the bundle was made. A history that the request gives is all that counts of it, but of
/// who was forgotten not even columns are used.
pub(crate) fn look_up(mut asks: Vec<&mut Ask>, live: &Live) -> Result<(), ApiError> {
    if live.store().is_none() {
        return Ok(());
    }
    for ask in &mut asks {
        ask.request.forgotten = ask.request.user.as_ref().is_some_and(|user| live.is_forgotten(user));
    }
    let of_user = |ask: &Ask| ask.request.user.is_some() && ask.request.history.is_none();
    let users: Vec<String> =
        asks.iter().filter(|ask| of_user(ask)).filter_map(|ask| ask.request.user.clone()).collect();
    if users.is_empty() {
        return Ok(());
    }
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let failed = |error: u2i_live::LiveError| ApiError::store(&error);
    let recent = live.recent(&users).map_err(failed)?;
    for (ask, events) in asks.iter_mut().filter(|ask| of_user(ask)).zip(recent) {
        ask.request.live =
            events.into_iter().map(|event| Happened { item: event.item, at_s: event.time_s }).collect();
    }
    Ok(())
}

/// A fault in a column, at the field that it came in.
pub(crate) fn of_context(error: ApiError, ask: &Ask) -> ApiError {
    let key = error.field.as_deref().and_then(|field| field.strip_prefix("context."));
    match key {
        Some(key) if ask.attributes.iter().any(|own| own == key) => {
            let field = format!("attributes.{key}");
            error.at(field)
        }
        _ => error,
    }
}

fn measure(answer: &Answer<'_>, ask: &Ask) {
    let strategy = match answer.strategy {
        Strategy::Model => "model",
        Strategy::Popular => "popular",
    };
    counter!("u2i_answers_total", "strategy" => strategy).increment(1);
    if answer.unknown_user {
        counter!("u2i_unknown_users_total").increment(1);
    }
    let unknown = [&answer.unknown_items, &answer.unknown_allowed, &answer.unknown_denied];
    let n_unknown: usize = unknown.iter().map(|ids| ids.len()).sum();
    if n_unknown > 0 {
        counter!("u2i_unknown_items_total").increment(n_unknown as u64);
    }
    if answer.items.len() < ask.options.k.get() {
        counter!("u2i_short_lists_total").increment(1);
    }
    if let (Strategy::Model, Some(best)) = (answer.strategy, answer.items.first()) {
        histogram!("u2i_top_score").record(f64::from(best.score));
    }
}

/// An answer as clients read it.
#[derive(Serialize)]
struct Body<'a> {
    strategy: Strategy,
    seen: Seen,
    unknown_user: bool,
    unknown_items: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unknown_allowed: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unknown_denied: &'a [String],
    n_later_events: usize,
    n_live_events: usize,
    items: Vec<ItemBody<'a>>,
}

/// A recommended item as clients read it.
#[derive(Serialize)]
pub(crate) struct ItemBody<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    score: f32,
    train_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because: Vec<BecauseBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize)]
struct BecauseBody<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    similarity: f32,
}

fn to_json(recommender: &Recommender, answer: &Answer<'_>, ask: &Ask) -> Result<Vec<u8>, ApiError> {
    let items = answer.items.iter().map(|item| ItemBody::new(recommender, item, ask.details)).collect();
    let body = Body {
        strategy: answer.strategy,
        seen: answer.seen,
        unknown_user: answer.unknown_user,
        unknown_items: &answer.unknown_items,
        unknown_allowed: &answer.unknown_allowed,
        unknown_denied: &answer.unknown_denied,
        n_later_events: answer.n_later_events,
        n_live_events: answer.n_live_events,
        items,
    };
    serde_json::to_vec(&body).map_err(|error| ApiError::internal("writing an answer", &error))
}

impl<'a> ItemBody<'a> {
    pub fn new(recommender: &'a Recommender, item: &u2i_bundle::Recommended<'a>, details: bool) -> Self {
        let because = item.because.iter();
        ItemBody {
            id: item.item_id,
            title: item.title,
            score: item.score,
            train_count: recommender.train_count(item.item_idx),
            because: because
                .map(|own| BecauseBody { id: own.item_id, title: own.title, similarity: own.similarity })
                .collect(),
            attributes: details.then(|| attributes(recommender, item.item_idx)),
        }
    }
}

/// What is known of an item, by the names that conditions use; what is missing is left out.
pub(crate) fn attributes(
    recommender: &Recommender,
    item_idx: u32,
) -> serde_json::Map<String, serde_json::Value> {
    let Some(row) = (item_idx as usize).checked_sub(1) else { return serde_json::Map::new() };
    let value = |values: &AttributeValues| -> Option<serde_json::Value> {
        match values {
            AttributeValues::Text(values) => values.get(row)?.clone().map(Into::into),
            AttributeValues::Number(values) => values.get(row).filter(|x| x.is_finite()).map(|&x| number(x)),
            AttributeValues::List(values) => Some(values.get(row)?.clone().into()),
        }
    };
    let all = recommender.attributes().iter();
    all.filter_map(|attribute| Some((attribute.name.clone(), value(&attribute.values)?))).collect()
}

/// Whole numbers without a point.
pub(crate) fn number(x: f64) -> serde_json::Value {
    if x.fract() == 0.0 && x.abs() < 9e15 { (x as i64).into() } else { x.into() }
}

//! `POST /v1/vectors`: the vectors of users, to search with elsewhere.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;
use u2i_bundle::Request;
use utoipa::ToSchema;

use super::recommend::{RecommendBody, RecommendRequest, check_batch};
use super::reply::json;
use crate::app::App;
use crate::ask::Ask;
use crate::body::{JsonBatch, parse};
use crate::error::ApiError;
use crate::jobs::{Job, look_up, of_context};
use crate::pool::answered;

/// Vectors of users.
#[derive(Serialize, ToSchema)]
pub(crate) struct Vectors {
    /// The bundle whose item vectors they belong to.
    bundle_id: String,
    /// Numbers of each vector.
    dim: usize,
    /// One for each request; for a user of whom nothing is known, what the model makes of an empty history.
    vectors: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    requests: Vec<Value>,
}

/// The vectors that items are searched by: the inner product with an item's vector is its score.
#[utoipa::path(
    post, path = "/v1/vectors", tag = "recommend", request_body = RecommendBody,
    responses(
        (status = 200, description = "The vectors, in the order of the requests", body = Vectors),
        (status = "4XX", description = "What is wrong with the request", body = crate::error::Problem),
        (status = 503, description = "Too much waits", body = crate::error::Problem),
    )
)]
pub(crate) async fn vectors(
    State(app): State<App>,
    JsonBatch(body): JsonBatch,
) -> Result<Response, ApiError> {
    let is_batch = body.get("requests").is_some();
    let requests = if is_batch { parse::<Batch>(body)?.requests } else { vec![body] };
    check_batch("requests", requests.len(), &app)?;
    let entry = |i: usize| format!("requests[{i}]");
    let mut asks = Vec::with_capacity(requests.len());
    let mut of_all = None;
    for (i, request) in requests.into_iter().enumerate() {
        let ask = parse::<RecommendRequest>(request).and_then(|request| request.into_ask(&app));
        let ask = ask.and_then(|(ask, which)| match *of_all.get_or_insert(which) == which {
            true => Ok(ask),
            false => Err(ApiError::bad("bundle", "the requests of a batch are for one bundle")),
        });
        asks.push(ask.map_err(|error| if is_batch { error.below(&entry(i)) } else { error })?);
    }
    let (serving, live) = (of_all.unwrap_or_default().of(&app)?, Arc::clone(&app.live));
    let (reply, answer) = oneshot::channel();
    let span = tracing::Span::current();
    app.pool.submit(Job::Call(Box::new(move || {
        let _entered = span.enter();
        let found =
            look_up(asks.iter_mut().collect(), &live).and_then(|()| encode(&serving, &asks, is_batch));
        let _ = reply.send(found);
    })))?;
    json(&answered(answer).await??)
}

fn encode(serving: &crate::serving::Serving, asks: &[Ask], is_batch: bool) -> Result<Vectors, ApiError> {
    let dim = serving.recommender.manifest().sizes.dim;
    let requests: Vec<Request> = asks.iter().map(|ask| ask.request.clone()).collect();
    let found = serving.recommender.user_vectors(&requests);
    let numbers = found.map_err(|error| {
        let place = match &error {
            u2i_bundle::BundleError::Request { request, .. } => *request,
            _ => 0,
        };
        let error = ApiError::from(error);
        let error = asks.get(place).map_or_else(|| error.clone(), |ask| of_context(error.clone(), ask));
        if is_batch && error.status == StatusCode::BAD_REQUEST {
            error.below(&format!("requests[{place}]"))
        } else {
            error
        }
    })?;
    let vectors = numbers.chunks_exact(dim).map(<[f32]>::to_vec).collect();
    Ok(Vectors { bundle_id: serving.id.clone(), dim, vectors })
}

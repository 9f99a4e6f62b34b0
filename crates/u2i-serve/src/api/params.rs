//! Parts of paths and queries, whose faults are told as all others are.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::ApiError;

/// The query of a path: `?k=10&explain=2`.
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query.map(|Query(value)| Params(value)).map_err(|error| {
            use std::error::Error as _;
            let reason = error.source().map_or_else(|| error.body_text(), ToString::to_string);
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", reason)
        })
    }
}

/// The id in a path, with percent signs decoded.
pub(crate) struct IdInPath(pub String);

impl FromRequestParts<App> for IdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(id)| IdInPath(id))
            .map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "invalid_path", error.body_text()))
    }
}

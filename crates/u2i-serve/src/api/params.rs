//! Parts of paths and queries, whose faults are told as all others are.

use std::error::Error;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, value};

use super::wire::Id;
use crate::app::App;
use crate::body::misfit;
use crate::error::ApiError;

/// The query of a path: `?k=10&explain=2`.
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query.map(|Query(value)| Params(value)).map_err(|error| {
            let mut cause: Option<&dyn Error> = Some(&error);
            while let Some(error) = cause {
                // What axum reads queries with knows the parameter.
                if let Some(error) = error.downcast_ref::<serde_path_to_error::Error<value::Error>>() {
                    return misfit(error, "invalid_query");
                }
                cause = error.source();
            }
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", error.body_text())
        })
    }
}

/// The id in a path, with percent signs decoded.
pub(crate) struct IdInPath(pub String);

impl FromRequestParts<App> for IdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let bad = |reason| ApiError::new(StatusCode::BAD_REQUEST, "invalid_path", reason);
        let Path(id) = path.map_err(|error| bad(error.body_text()))?;
        // As it is in a body.
        let Id(id) = Id::new(&id).map_err(|error: value::Error| bad(error.to_string()))?;
        Ok(IdInPath(id))
    }
}

//! What all that is logged of a request belongs to, and what a collector of traces gets to know of it.

use axum::http::{HeaderMap, Method, StatusCode};
use tracing::{Span, info_span};

/// Begins the span of a request.
#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "only a collector of traces wants them"))]
pub(crate) fn of_request(id: &str, method: &Method, endpoint: &str, headers: &HeaderMap) -> Span {
    #[cfg(feature = "otel")]
    if let Some(span) = crate::otel::of_request(id, method, endpoint, headers) {
        return span;
    }
    info_span!("request", id = %id)
}

/// Says how the request ended.
#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "only a collector of traces wants them"))]
pub(crate) fn answered(span: &Span, status: StatusCode) {
    #[cfg(feature = "otel")]
    crate::otel::answered(span, status);
}

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use u2i_bundle::BundleError;
use u2i_live::LiveError;
use u2i_schema::ErrorKind;
use utoipa::ToSchema;

/// Why a service does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// An address that others can reach, without a token.
    #[error(
        "{addr} can be reached from other machines: give a token with --token-file or U2I_TOKEN, or listen on 127.0.0.1"
    )]
    NeedsToken {
        /// The address.
        addr: SocketAddr,
    },
    /// A token that is too easily guessed, or that no header can carry.
    #[error("{origin}: a token has 16 to 512 visible ASCII characters, this one has {length}{}", if *is_text { "" } else { " and others among them" })]
    Token {
        /// The file or variable that it comes from.
        origin: String,
        /// Its length in bytes.
        length: usize,
        /// Whether it is visible ASCII.
        is_text: bool,
    },
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Threads, an event loop or counters that cannot be made.
    #[error("cannot start {what}: {reason}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// Why it was not.
        reason: String,
    },
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The store of events.
    #[error(transparent)]
    Live(#[from] LiveError),
}

impl ServeError {
    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ServeError::NeedsToken { .. } | ServeError::Token { .. } => ErrorKind::Usage,
            ServeError::Listen { .. } | ServeError::Io { .. } | ServeError::Start { .. } => ErrorKind::Files,
            ServeError::Bundle(error) => error.kind(),
            ServeError::Live(error) => error.kind(),
        }
    }
}

/// The body of an answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of fault it is, for programs.
    pub code: Cow<'static, str>,
    /// The field of the request that is at fault, as a path: `events[3].item`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What was found and what was wanted, for people.
    pub message: String,
    /// The request, as in the header `x-request-id` and in the log.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
}

/// An error of one request, or of one entry of a batch.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub field: Option<String>,
    pub message: String,
    /// The methods that would be allowed, or the seconds after which to try again.
    pub header: Option<Box<(header::HeaderName, HeaderValue)>>,
    /// Whether the connection cannot go on, since the request was not read to its end.
    pub closes: bool,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError { status, code, field: None, message: message.into(), header: None, closes: false }
    }

    /// A request that says something wrong.
    pub fn bad(field: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_field", message).at(field)
    }

    pub fn at(self, field: impl Into<String>) -> Self {
        ApiError { field: Some(field.into()), ..self }
    }

    /// Puts its field below that of an entry of a batch.
    pub fn below(self, entry: &str) -> Self {
        let field = match &self.field {
            Some(field) => format!("{entry}.{field}"),
            None => entry.to_owned(),
        };
        self.at(field)
    }

    /// Too much is waiting already.
    pub fn overloaded() -> Self {
        let message = "too many requests are waiting; try again later";
        let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        error.header = Some(Box::new((header::RETRY_AFTER, HeaderValue::from_static("1"))));
        error
    }

    /// A fault of ours. What it was is logged, not told.
    pub fn internal(what: &str, reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(what, %reason, "internal error");
        let message = "an internal error; the log has it under this request";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// A fault of the store of events: not the caller's, and maybe over soon.
    pub fn store(error: &LiveError) -> Self {
        if let LiveError::Text { field, reason } = error {
            return ApiError::bad(field.clone(), reason.clone());
        }
        tracing::error!(%error, "the store of events failed");
        let message = "the store of events does not answer; nothing was changed";
        let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message);
        error.header = Some(Box::new((header::RETRY_AFTER, HeaderValue::from_static("5"))));
        error
    }

    pub fn problem(&self, request_id: &str) -> Problem {
        Problem {
            code: self.code.into(),
            field: self.field.clone(),
            message: self.message.clone(),
            request_id: request_id.to_owned(),
        }
    }
}

/// The request's number is not known here: the outermost layer writes the body (`app::finish`).
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some((name, value)) = self.header.as_deref().cloned() {
            response.headers_mut().insert(name, value);
        }
        if self.closes {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What a recommender refuses is the request's fault, unless it is none of the kinds that requests cause.
impl From<BundleError> for ApiError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Condition(reason) => ApiError::bad("where", reason),
            BundleError::Request { key, reason, .. } => ApiError::bad(format!("context.{key}"), reason),
            BundleError::UnknownItem(item) => {
                ApiError::new(StatusCode::NOT_FOUND, "unknown_item", format!("no item `{item}`"))
            }
            error @ BundleError::NoVector(_) => {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "no_vector", error.to_string())
            }
            error => ApiError::internal("the recommender failed", &error),
        }
    }
}

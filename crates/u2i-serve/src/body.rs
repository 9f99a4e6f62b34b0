//! Bodies of requests, within limits of bytes and time.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use u2i_schema::nearest_name;

use crate::app::App;
use crate::error::ApiError;
use crate::options::Limits;

/// What is read of a body that is refused, so that the client gets to see the answer.
const DRAINED: usize = 1 << 20;

/// A JSON value that was read within the limits of one request: `T` of it, or of its fields.
pub(crate) struct Json<T>(pub T);

/// A JSON value that may be a batch: then it begins with its list.
pub(crate) struct JsonBatch(pub Value);

/// Of how many a body may be.
#[derive(Clone, Copy, PartialEq)]
enum Size {
    One,
    /// A batch, or one: what is larger than one must begin as a batch does.
    Batch,
}

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let value = read(request, app, Size::One).await?;
        parse(value).map(Json)
    }
}

impl FromRequest<App> for JsonBatch {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        read(request, app, Size::Batch).await.map(JsonBatch)
    }
}

/// An object as a `T`. The path to what does not fit is the field.
pub(crate) fn parse<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    // A list would be taken for the fields in their order.
    if !value.is_object() {
        let message = "expected an object, {\"…\": …}";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_field", message));
    }
    serde_path_to_error::deserialize(value).map_err(|error| misfit(&error, "invalid_field"))
}

/// What does not fit, at its field: also one that is missing or there twice, which the message names.
pub(crate) fn misfit<E: std::fmt::Display>(
    error: &serde_path_to_error::Error<E>,
    code: &'static str,
) -> ApiError {
    let (path, message) = (error.path().to_string(), error.inner().to_string());
    let after = |words: &str| message.strip_prefix(words)?.split_once('`').map(|(name, _)| name);
    let name = after("missing field `").or_else(|| after("duplicate field `"));
    let field = match (path.as_str(), name) {
        ("." | "?", name) => name.map(str::to_owned),
        (path, Some(name)) => Some(format!("{path}.{name}")),
        (path, None) => Some(path.to_owned()),
    };
    ApiError { field, ..ApiError::new(StatusCode::BAD_REQUEST, code, with_nearest(message)) }
}

/// A message about an unknown word, with the known one that may have been meant.
fn with_nearest(message: String) -> String {
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let Some((found, known)) = message.split_once(", expected ") else { return message };
    let (found, known) = (quoted(found), quoted(known));
    let meant = found.last().and_then(|found| nearest_name(found, known.iter().map(String::as_str)));
    match meant {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message,
    }
}

async fn read(request: Request, app: &App, size: Size) -> Result<Value, ApiError> {
    let (parts, body) = request.into_parts();
    is_json(&parts.headers)?;
    let bytes = bytes(&parts.headers, body, app, size).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("the body is no JSON: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", message)
    })
}

/// Pages of other origins can send other types without asking, but not this one.
fn is_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = found.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("expected the content type application/json, found `{found}`");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
}

async fn bytes(headers: &HeaderMap, mut body: Body, app: &App, size: Size) -> Result<Vec<u8>, ApiError> {
    let limits = app.limits();
    let deadline = Instant::now() + limits.body;
    let most = match size {
        Size::One => limits.one_bytes,
        Size::Batch => limits.batch_bytes,
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|n: u64| n > most as u64) {
        // A client that waits for our word sends nothing.
        if !headers.contains_key(header::EXPECT) {
            drain(body, deadline);
        }
        return Err(too_large(size, limits));
    }
    let mut read = Vec::with_capacity(announced.unwrap_or(0).min(limits.one_bytes as u64) as usize);
    let mut large = None;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(too_slow(limits)),
            Ok(None) => return Ok(read),
            Ok(Some(Err(error))) => {
                let message = format!("the body ended early: {error}");
                return Err(closing(ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message)));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let n = read.len() + data.len();
        if n > limits.one_bytes && large.is_none() {
            let begins_as_batch = begins_as_batch(&read, &data);
            if n > most || size == Size::One || !begins_as_batch {
                drain(body, deadline);
                return Err(too_large(size, limits));
            }
            let Some(place) = app.large_body() else {
                drain(body, deadline);
                return Err(closing(ApiError::overloaded()));
            };
            large = Some(place);
        }
        if n > most {
            drain(body, deadline);
            return Err(too_large(size, limits));
        }
        read.extend_from_slice(&data);
    }
}

/// Whether the first key of an object is that of a list of requests or events.
fn begins_as_batch(read: &[u8], more: &[u8]) -> bool {
    let mut bytes = read.iter().chain(more).filter(|byte| !byte.is_ascii_whitespace());
    let head: Vec<u8> = bytes.by_ref().take(12).copied().collect();
    head.starts_with(br#"{"requests":"#) || head.starts_with(br#"{"events":"#)
}

/// Reads on behind the answer, which is sent meanwhile: a connection that ends with bytes unread may take the answer with it.
fn drain(mut body: Body, deadline: Instant) {
    tokio::spawn(async move {
        let mut left = DRAINED;
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
            let n = frame.data_ref().map_or(0, |data| data.len());
            if n > left {
                return;
            }
            left -= n;
        }
    });
}

fn too_large(size: Size, limits: &Limits) -> ApiError {
    let message = match size {
        Size::One => format!("the body is larger than {} bytes", limits.one_bytes),
        Size::Batch => format!(
            "the body is larger than {} bytes, or {} for a batch, whose first key is its list",
            limits.one_bytes, limits.batch_bytes
        ),
    };
    closing(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
}

fn too_slow(limits: &Limits) -> ApiError {
    let message = format!("the body did not come within {} s", limits.body.as_secs());
    closing(ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message))
}

fn closing(error: ApiError) -> ApiError {
    ApiError { closes: true, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_begin_with_their_list() {
        assert!(begins_as_batch(b" {\n \"requests\" : [", b"") && begins_as_batch(b"{\"eve", b"nts\":[]}"));
        assert!(!begins_as_batch(b"{\"user\":1,\"requests\":[", b"") && !begins_as_batch(b"", b"[]"));
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Of {
            #[serde(rename = "list")]
            _list: Vec<u8>,
        }
        let error = parse::<Of>(serde_json::json!({ "list": [1, "x"] })).unwrap_err();
        assert_eq!((error.field.as_deref(), error.status), (Some("list[1]"), StatusCode::BAD_REQUEST));
        assert!(parse::<Of>(serde_json::json!({})).unwrap_err().field.as_deref() == Some("list"));
        assert!(parse::<Of>(serde_json::json!([[1]])).unwrap_err().message.contains("an object"));
        let error = parse::<Of>(serde_json::json!({ "lits": [1] })).unwrap_err();
        assert!(
            error.field.as_deref() == Some("lits") && error.message.ends_with("did you mean `list`?"),
            "{error:?}"
        );
    }
}

//! Who may ask: those who know the token, or, without one, programs of this machine.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::ServeError;
use crate::error::ApiError;

/// A secret that callers show. Only its SHA-256 is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// A secret that comes from `origin`, which messages name. Blanks around it are left out.
    ///
    /// # Errors
    ///
    /// [`ServeError::Token`] for one that has not 16 to 512 visible ASCII characters.
    pub fn new(secret: &str, origin: &str) -> Result<Self, ServeError> {
        let secret = secret.trim();
        let (length, is_text) = (secret.len(), secret.bytes().all(|byte| byte.is_ascii_graphic()));
        if !(16..=512).contains(&length) || !is_text {
            return Err(ServeError::Token { origin: origin.to_owned(), length, is_text });
        }
        Ok(Token(Sha256::digest(secret).into()))
    }

    /// The secret in a file.
    ///
    /// # Errors
    ///
    /// [`ServeError::Io`], or as [`new`](Self::new).
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let secret =
            fs::read_to_string(path).map_err(|source| ServeError::Io { path: path.to_owned(), source })?;
        Token::new(&secret, &path.display().to_string())
    }

    /// Whether a caller shows it. The time that this takes tells nothing of where they differ.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, secret)) = shown.and_then(|shown| shown.split_once(' ')) else { return false };
        let hash: [u8; 32] = Sha256::digest(secret.trim()).into();
        scheme.eq_ignore_ascii_case("bearer") & bool::from(hash.ct_eq(&self.0))
    }
}

/// Paths that say nothing of the data and must work before a token is known.
pub(crate) fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/page.css" | "/page.js" | "/favicon.ico" | "/healthz" | "/readyz" | "/openapi.json")
}

/// Whether a request may come in.
///
/// Without a token anybody on this machine may ask, and so might a page in a browser that runs on it: such a page does not
/// know that it must call this machine by an address or `localhost`, which is looked at.
pub(crate) fn check(token: Option<&Token>, headers: &HeaderMap) -> Result<(), ApiError> {
    match token {
        Some(token) if token.is_shown(headers) => Ok(()),
        Some(_) => {
            let message = "a token is needed: the header `Authorization: Bearer TOKEN`";
            let mut error = ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
            error.header =
                Some(Box::new((header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"))));
            Err(error)
        }
        None if is_local(headers) => Ok(()),
        None => {
            let message = "without a token this service answers only to the names of this machine: \
                           127.0.0.1, [::1] and localhost";
            Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_host", message))
        }
    }
}

/// Whether the request is addressed to this machine by a name that only it has, and by no other. HTTP/1.0 has none.
fn is_local(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|host| host.to_str().is_ok_and(is_local_name))
}

fn is_local_name(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => match host.rsplit_once(':') {
            Some((name, port)) if is_port(port) => name,
            _ => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|addr| addr.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SECRET: &str = "a-secret-of-24-characters";

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_the_whole_token_is_let_in() {
        let token = Token::new(&format!("  {SECRET}\n"), "a test").unwrap();
        let asked = |value: &str| check(Some(&token), &headers(header::AUTHORIZATION, value)).is_ok();
        assert!(asked(&format!("Bearer {SECRET}")) && asked(&format!("bearer {SECRET}")));
        for wrong in
            ["", "Bearer", "Bearer ", SECRET, "Basic a-secret-of-24-characters", "Bearer a-secret-of-24"]
        {
            assert!(!asked(wrong), "{wrong}");
        }
        assert!(!asked(&format!("Bearer {SECRET}x")));
        assert_eq!(check(Some(&token), &HeaderMap::new()).unwrap_err().status, StatusCode::UNAUTHORIZED);
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn without_a_token_only_names_of_this_machine_are_answered() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"] {
            assert!(check(None, &headers(header::HOST, host)).is_ok(), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1:8080", "[::2]", ""]
        {
            assert_eq!(
                check(None, &headers(header::HOST, host)).unwrap_err().status,
                StatusCode::FORBIDDEN,
                "{host}"
            );
        }
    }

    #[test]
    fn short_or_odd_tokens_are_refused_by_their_origin() {
        for (secret, said) in
            [("short", "this one has 5"), ("sixteen characters with blanks", "others among them")]
        {
            let error = Token::new(secret, "token.txt").unwrap_err().to_string();
            assert!(error.starts_with("token.txt: ") && error.contains(said), "{error}");
            assert!(!error.contains(secret));
        }
    }
}

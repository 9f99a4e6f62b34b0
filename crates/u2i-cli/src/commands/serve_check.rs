//! `u2i serve --check URL`: whether a service that runs is well, for health checks of containers, which have no curl.

use std::time::Duration;

use u2i::{Error, ErrorKind};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are shown.
const SHOWN: u64 = 4096;

/// Asks once, and says what was answered.
pub fn check(url: &str) -> Result<String, Error> {
    let url = endpoint(url)?;
    let unwell =
        |reason: String| Error::Other { kind: ErrorKind::Files, source: format!("{url}: {reason}").into() };
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        // What is asked is this machine, or close by.
        .proxy(None);
    let mut answer =
        config.build().new_agent().get(&url).call().map_err(|error| unwell(error.to_string()))?;
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(SHOWN).lossy_utf8(true).read_to_string();
    let text = text.map_err(|error| unwell(error.to_string()))?;
    if status != 200 {
        return Err(unwell(format!("{} {}", status.as_u16(), text.trim_end())));
    }
    Ok(format!("{url}: {}", text.trim_end()))
}

/// Where a service says whether requests should be sent to it, if no other path is named.
fn endpoint(url: &str) -> Result<String, Error> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    match rest.map(|rest| rest.split_once('/')) {
        None => Err(Error::Usage(format!("--check: expected http://HOST:PORT, found `{url}`"))),
        Some(None | Some((_, ""))) => Ok(format!("{}/readyz", url.trim_end_matches('/'))),
        Some(Some(_)) => Ok(url.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_asked_for_unless_another_path_is_named() {
        for (url, wanted) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/readyz"),
            ("http://[::1]:8080/", "http://[::1]:8080/readyz"),
            ("https://shop.example/healthz", "https://shop.example/healthz"),
        ] {
            assert_eq!(endpoint(url).unwrap(), wanted);
        }
        for url in ["127.0.0.1:8080", "", "ftp://a"] {
            assert_eq!(endpoint(url).unwrap_err().kind(), ErrorKind::Usage, "{url}");
        }
    }

    #[test]
    fn nobody_at_the_address_is_a_fault_of_the_network() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = check(&url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Files);
        assert!(error.to_string().starts_with(&format!("{url}/readyz: ")), "{error}");
    }
}

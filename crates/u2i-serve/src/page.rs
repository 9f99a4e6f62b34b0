//! The page on which recommendations can be seen and tried. Everything that it needs is part of the program.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// Its files stand one after another and share their names; the last one begins.
const SCRIPT: &str = concat!(
    include_str!("page/state.js"),
    include_str!("page/words.js"),
    include_str!("page/ask.js"),
    include_str!("page/whom.js"),
    include_str!("page/combo.js"),
    include_str!("page/answer.js"),
    include_str!("page/list.js"),
    include_str!("page/item.js"),
    include_str!("page/condition.js"),
    include_str!("page/bundle.js"),
    include_str!("page/traffic.js"),
    include_str!("page/start.js"),
);

/// Nothing from elsewhere, nothing inline, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths of the page, beside whatever state the others share.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|| async { file("text/html; charset=utf-8", HTML) }))
        .route("/page.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route("/page.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_script_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page");
        let mut n = 0;
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|extension| extension == "js") {
                let text = fs::read_to_string(&path).expect("it can be read");
                assert!(SCRIPT.contains(&text), "{} is not served", path.display());
                n += text.len();
            }
        }
        assert_eq!(n, SCRIPT.len(), "nothing twice");
        assert!(SCRIPT.starts_with("\"use strict\";"));
    }

    #[test]
    fn the_page_keeps_its_content_security_policy() {
        // Scripts and styles within the document, which the policy refuses; and addresses, but for names of SVG and XML.
        for not_there in ["<style", " style=", " onclick=", " onload=", "javascript:", "//cdn"] {
            assert!(!HTML.contains(not_there), "{not_there}");
        }
        assert_eq!(HTML.matches("<script").count(), 1);
        assert!(HTML.contains("<script src=\"page.js\" defer></script>"));
        for text in [HTML, STYLE, SCRIPT] {
            for (at, _) in text.match_indices("://") {
                let rest = &text[at..];
                assert!(
                    rest.starts_with("://www.w3.org/2000/svg") || rest.starts_with("://HOST/"),
                    "{rest:.40}"
                );
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn files_of_the_page_may_load_nothing_from_elsewhere() {
        for text in [HTML, STYLE, SCRIPT] {
            let response = file("text/plain", text);
            let policy = response.headers().get(header::CONTENT_SECURITY_POLICY);
            let policy = policy.expect("a policy").to_str().expect("text");
            let mut parts: Vec<&str> = policy.split("; ").collect();
            assert_eq!(parts.remove(0), "default-src 'none'");
            for part in parts {
                let (_, sources) = part.split_once(' ').expect("a kind and its sources");
                assert!(["'self'", "'self' data:", "'none'"].contains(&sources), "{part}");
            }
        }
    }

    #[test]
    fn text_of_the_data_never_becomes_markup() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "srcdoc",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
    }
}

//! Recommendations of a bundle over HTTP.

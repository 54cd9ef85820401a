//! `http_server_config.headers`: five headers, two of them with fixed values, as in the toolkit.

use hyper::header::{HeaderName, HeaderValue};

use super::file::Map;
use crate::exporter::ConfigError;

/// Names and, where only some make sense, their values.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// The headers to send; one that is blank is not sent.
pub(super) fn checked(given: Option<Map<String>>) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let mut headers = Vec::new();
    for (name, value) in given.unwrap_or_default().0 {
        let bad = |what: String| ConfigError::new(format!("http_server_config.headers.{name}: {what}"));
        let Some((_, values)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
            let known: Vec<_> = ALLOWED.iter().map(|(allowed, _)| *allowed).collect();
            return Err(bad(format!("cannot be set; those that can: {}", known.join(", "))));
        };
        if value.is_empty() {
            continue;
        }
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(bad(format!("{value:?} is not one of {}", values.join(", "))));
        }
        let value =
            HeaderValue::from_str(&value).map_err(|_| bad("a character no header can hold".to_owned()))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| bad(error.to_string()))?;
        headers.push((name, value));
    }
    Ok(headers)
}

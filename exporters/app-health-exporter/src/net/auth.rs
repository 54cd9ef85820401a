//! Credentials: read at each request, so that a changed file needs no restart; sent, never shown.

use exporter_core::Secret;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::{Failure, Reason};
use crate::config::client::ClientConfig;

/// The headers that the client configuration asks for. Small files are read here, on a thread for that.
pub(crate) fn headers(config: &ClientConfig) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let file =
        |path| Secret::from_file(path).map_err(|error| Failure::new(Reason::Config, error.to_string()));
    for (name, given) in &config.http_headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::new(Reason::Config, format!("{name:?} is no header name")))?;
        for value in &given.values {
            headers.append(name.clone(), plain(value)?);
        }
        for secret in &given.secrets {
            headers.append(name.clone(), sensitive(secret.0.expose())?);
        }
        for path in &given.files {
            headers.append(name.clone(), sensitive(file(path)?.expose())?);
        }
    }
    if let Some(basic) = &config.basic_auth {
        let user = match &basic.username_file {
            Some(path) => file(path)?.expose().to_owned(),
            None => basic.username.clone(),
        };
        let password = match &basic.password_file {
            Some(path) => file(path)?,
            None => basic.password.clone().unwrap_or_default(),
        };
        headers.insert(AUTHORIZATION, basic_header(&Secret::new(format!("{user}:{}", password.expose())))?);
    }
    let token = match (&config.bearer_token, &config.bearer_token_file) {
        (Some(token), _) => Some(("Bearer", token.clone())),
        (None, Some(path)) => Some(("Bearer", file(path)?)),
        (None, None) => match &config.authorization {
            Some(authorization) => {
                let secret = match &authorization.credentials_file {
                    Some(path) => file(path)?,
                    None => authorization.credentials.clone().unwrap_or_default(),
                };
                Some((authorization.kind.as_str(), secret))
            }
            None => None,
        },
    };
    if let Some((kind, token)) = token {
        headers.insert(AUTHORIZATION, sensitive(&format!("{kind} {}", token.expose()))?);
    }
    Ok(headers)
}

/// Whether making the headers reads files.
pub(crate) fn reads_files(config: &ClientConfig) -> bool {
    config.bearer_token_file.is_some()
        || config.authorization.as_ref().is_some_and(|given| given.credentials_file.is_some())
        || config
            .basic_auth
            .as_ref()
            .is_some_and(|basic| basic.password_file.is_some() || basic.username_file.is_some())
        || config.http_headers.values().any(|given| !given.files.is_empty())
}

/// `Basic …` of `user:password`.
pub(crate) fn basic_header(pair: &Secret) -> Result<HeaderValue, Failure> {
    sensitive(&format!("Basic {}", base64(pair.expose().as_bytes())))
}

pub(crate) fn plain(value: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(value).map_err(|_| Failure::new(Reason::Config, "a header's value is not text"))
}

fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut value = plain(value)?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(char::from(DIGITS[(group >> (18 - 6 * digit)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_all_lengths() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("user:pass", "dXNlcjpwYXNz")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let config: ClientConfig =
            serde_yaml::from_str("{authorization: {type: Token, credentials: hunter2}}").unwrap();
        let headers = headers(&config).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Token hunter2");
        assert!(!format!("{headers:?} {config:?}").contains("hunter2"));
    }
}

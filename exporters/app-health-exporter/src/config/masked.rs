//! Configuration as it may be shown: what could be a credential is not.

use serde_yaml::Value;

const SECRET: &str = "<secret>";
/// Options whose value is a secret, whatever it is.
const SECRETS: [&str; 8] = [
    "password",
    "credentials",
    "bearer_token",
    "key",
    "client_secret",
    "secrets",
    "token",
    "proxy_connect_header",
];
/// Options that hold what is sent: it may log in somewhere.
const CONTENTS: [&str; 3] = ["body", "content", "send"];
/// Parts of names of headers that carry secrets.
const HEADERS: [&str; 6] = ["auth", "cookie", "token", "key", "secret", "password"];

/// Whether a header of this name, in lower case, may log in somewhere.
pub(crate) fn is_secret_header(name: &str) -> bool {
    HEADERS.iter().any(|part| name.contains(part))
}

pub(crate) fn mask(value: &mut Value) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map.iter_mut() {
                let key = key.as_str().unwrap_or_default();
                option(key, value);
            }
        }
        Value::Sequence(list) => list.iter_mut().for_each(mask),
        _ => {}
    }
}

fn option(key: &str, value: &mut Value) {
    let is_text = value.is_string() || value.is_number();
    if SECRETS.contains(&key) {
        *value = SECRET.into();
    } else if CONTENTS.contains(&key) && is_text {
        *value = format!("<{} bytes>", value.as_str().unwrap_or_default().len()).into();
    } else if matches!(key, "headers" | "http_headers" | "metadata")
        && let Value::Mapping(headers) = value
    {
        for (name, value) in headers.iter_mut() {
            let name = name.as_str().unwrap_or_default().to_ascii_lowercase();
            if is_secret_header(&name) {
                *value = SECRET.into();
            } else {
                mask(value);
            }
        }
    } else if key.ends_with("url") && is_text {
        *value = crate::probe::shown(value.as_str().unwrap_or_default()).into();
    } else {
        mask(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let text = "
prober: http
http:
  method: POST
  body: '{\"password\": \"hunter2\"}'
  headers: {X-Api-Key: hunter2, Accept: text/plain}
  http_headers: {X-Session-Token: {values: [hunter2]}, X-Plain: {secrets: [hunter2]}}
  basic_auth: {username: u, password: hunter2, password_file: /run/secret}
  authorization: {credentials: hunter2}
  bearer_token: hunter2
  proxy_url: http://p:hunter2@proxy:3128
  proxy_connect_header: {X: [hunter2]}
  oauth2: {client_secret: hunter2}
  tls_config: {key: hunter2, key_file: /k}
tcp: {query_response: [{send: 'AUTH hunter2', expect: OK}]}
grpc: {metadata: {authorization: [hunter2]}}
";
        let mut value: Value = serde_yaml::from_str(text).unwrap();
        mask(&mut value);
        let shown = serde_yaml::to_string(&value).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
        for kept in
            ["text/plain", "/run/secret", "/k", "method: POST", "expect: OK", "proxy:3128", "12 bytes"]
        {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
    }
}

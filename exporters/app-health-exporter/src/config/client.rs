//! How a server is talked to: TLS, credentials, proxy. The names are Prometheus' own (`HTTPClientConfig`).

use exporter_core::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::values::secret;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    pub(crate) ca: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert: Option<String>,
    pub(crate) cert_file: Option<PathBuf>,
    #[serde(deserialize_with = "secret")]
    pub(crate) key: Option<Secret>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) server_name: Option<String>,
    pub(crate) insecure_skip_verify: bool,
    pub(crate) min_version: Option<String>,
    pub(crate) max_version: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BasicAuth {
    pub(crate) username: String,
    pub(crate) username_file: Option<PathBuf>,
    #[serde(deserialize_with = "secret")]
    pub(crate) password: Option<Secret>,
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorization {
    #[serde(rename = "type", default = "bearer")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "secret", default)]
    pub(crate) credentials: Option<Secret>,
    #[serde(default)]
    pub(crate) credentials_file: Option<PathBuf>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HeaderValues {
    pub(crate) values: Vec<String>,
    pub(crate) secrets: Vec<SecretText>,
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
pub(crate) struct SecretText(pub(crate) Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        secret(deserializer).map(|text| SecretText(text.unwrap_or_default()))
    }
}

/// `HTTPClientConfig` of prometheus/common. What we do not do is refused by name, see [`ClientConfig::refused`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClientConfig {
    pub(crate) tls_config: TlsConfig,
    pub(crate) basic_auth: Option<BasicAuth>,
    pub(crate) authorization: Option<Authorization>,
    #[serde(deserialize_with = "secret")]
    pub(crate) bearer_token: Option<Secret>,
    pub(crate) bearer_token_file: Option<PathBuf>,
    pub(crate) oauth2: Option<serde_yaml::Value>,
    pub(crate) proxy_url: Option<String>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) proxy_from_environment: bool,
    pub(crate) proxy_connect_header: BTreeMap<String, Vec<SecretText>>,
    pub(crate) follow_redirects: bool,
    pub(crate) enable_http2: bool,
    pub(crate) http_headers: BTreeMap<String, HeaderValues>,
}

/// The names of its options, for what holds others beside them.
pub(crate) const OPTIONS: &[&str] = &[
    "tls_config",
    "basic_auth",
    "authorization",
    "bearer_token",
    "bearer_token_file",
    "oauth2",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "follow_redirects",
    "enable_http2",
    "http_headers",
];

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            tls_config: TlsConfig::default(),
            basic_auth: None,
            authorization: None,
            bearer_token: None,
            bearer_token_file: None,
            oauth2: None,
            proxy_url: None,
            no_proxy: None,
            proxy_from_environment: false,
            proxy_connect_header: BTreeMap::new(),
            follow_redirects: true,
            enable_http2: true,
            http_headers: BTreeMap::new(),
        }
    }
}

impl ClientConfig {
    /// The first option that is not served here, in words.
    pub(crate) fn refused(&self) -> Option<String> {
        if self.oauth2.is_some() {
            return Some("oauth2 is not supported; use authorization with credentials_file".to_owned());
        }
        if let Some(proxy) = &self.proxy_url
            && !proxy.is_empty()
            && !proxy.starts_with("http://")
        {
            return Some("proxy_url: only http:// proxies are supported".to_owned());
        }
        None
    }

    pub(crate) fn has_credentials(&self) -> bool {
        self.basic_auth.is_some()
            || self.authorization.is_some()
            || self.bearer_token.is_some()
            || self.bearer_token_file.is_some()
            || self.http_headers.values().any(|header| !header.secrets.is_empty() || !header.files.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_options() {
        let error = serde_yaml::from_str::<ClientConfig>("nope: 1").unwrap_err().to_string();
        let names: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(names, OPTIONS, "{error}");
    }
}

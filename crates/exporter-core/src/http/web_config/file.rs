//! The file's shape. Unknown and repeated keys are refused with their line; nothing here reads another file.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

use crate::exporter::ConfigError;
use crate::secret::{Secret, unquoted};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebFile {
    pub(super) tls_server_config: Option<TlsSection>,
    pub(super) http_server_config: Option<HttpSection>,
    pub(super) basic_auth_users: Option<Map<Hidden>>,
    pub(super) rate_limit: Option<RateLimitSection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TlsSection {
    pub(super) cert: Option<String>,
    pub(super) key: Option<Hidden>,
    pub(super) client_ca: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) client_ca_file: Option<String>,
    pub(super) client_auth_type: Option<String>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
    pub(super) cipher_suites: Option<Vec<String>>,
    pub(super) curve_preferences: Option<Vec<String>>,
    pub(super) prefer_server_cipher_suites: Option<Switch>,
}

impl TlsSection {
    /// Whether anything in it asks for TLS. The toolkit serves plain HTTP where only versions or ciphers are given; we
    /// take any key for the wish, and then miss the certificate.
    pub(super) fn is_used(&self) -> bool {
        let texts = [
            &self.cert,
            &self.client_ca,
            &self.cert_file,
            &self.key_file,
            &self.client_ca_file,
            &self.client_auth_type,
            &self.min_version,
            &self.max_version,
        ];
        let lists = [&self.client_allowed_sans, &self.cipher_suites, &self.curve_preferences];
        texts.into_iter().flatten().any(|text| !text.is_empty())
            || lists.into_iter().any(Option::is_some)
            || self.key.as_ref().is_some_and(|key| !key.0.is_empty())
            || self.prefer_server_cipher_suites.is_some()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpSection {
    /// Taken, and of no effect: HTTP/1.1 is served either way.
    #[serde(rename = "http2")]
    _http2: Option<Switch>,
    pub(super) headers: Option<Map<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RateLimitSection {
    pub(super) interval: Option<String>,
    pub(super) burst: Option<u32>,
}

impl WebFile {
    /// # Errors
    /// What is wrong and in which line; never a value that may be secret.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        // A file without content is a configuration without wishes.
        let read = || {
            super::unique::check(text)?;
            serde_yaml::from_str::<Option<Self>>(text)
        };
        let file = read().map_err(|error: serde_yaml::Error| {
            let mut told = unquoted(&error.to_string());
            // The parser leaves the place out where it is the file's very beginning.
            if !told.contains(" at line ") {
                let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
                told.push_str(&format!(" at line {line} column {column}"));
            }
            ConfigError::new(told)
        })?;
        Ok(file.unwrap_or_default())
    }
}

/// A text that no debug output shows.
#[derive(Debug, Default)]
pub(super) struct Hidden(pub(super) Secret);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// Pairs in which no key stands twice.
#[derive(Debug, Default)]
pub(super) struct Map<V>(pub(super) Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = crate::config::UniqueMap::deserialize(deserializer)?;
        Ok(Self(map.0))
    }
}

/// What YAML 1.1 takes for a boolean, which is what the toolkit reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch(
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "read with TLS"))] pub(super) bool,
);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Switch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Switch, E> {
                Ok(Switch(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Switch, E> {
                match value.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" | "y" => Ok(Switch(true)),
                    "false" | "no" | "off" | "n" => Ok(Switch(false)),
                    _ => Err(E::invalid_type(serde::de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Word)
    }
}

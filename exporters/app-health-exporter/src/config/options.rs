//! The probers' options, with blackbox_exporter's names and defaults.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::client::{ClientConfig, TlsConfig};
use super::values::{Pattern, Size};

/// Which address family a name is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Ip {
    pub(crate) preferred_ip_protocol: Protocol,
    pub(crate) ip_protocol_fallback: bool,
}

impl Default for Ip {
    fn default() -> Self {
        Self { preferred_ip_protocol: Protocol::Ip6, ip_protocol_fallback: true }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Ip4,
    #[default]
    #[serde(alias = "")]
    Ip6,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderMatch {
    pub(crate) header: String,
    pub(crate) regexp: Pattern,
    #[serde(default)]
    pub(crate) allow_missing: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Http {
    pub(crate) valid_status_codes: Vec<u16>,
    pub(crate) valid_http_versions: Vec<String>,
    #[serde(flatten)]
    pub(crate) ip: Ip,
    pub(crate) skip_resolve_phase_with_proxy: bool,
    pub(crate) no_follow_redirects: Option<bool>,
    pub(crate) fail_if_ssl: bool,
    pub(crate) fail_if_not_ssl: bool,
    pub(crate) method: String,
    pub(crate) headers: BTreeMap<String, super::values::Scalar>,
    pub(crate) fail_if_body_matches_regexp: Vec<Pattern>,
    pub(crate) fail_if_body_not_matches_regexp: Vec<Pattern>,
    pub(crate) fail_if_body_json_matches_cel: Option<String>,
    pub(crate) fail_if_body_json_not_matches_cel: Option<String>,
    pub(crate) fail_if_header_matches: Vec<HeaderMatch>,
    pub(crate) fail_if_header_not_matches: Vec<HeaderMatch>,
    pub(crate) body: String,
    pub(crate) body_file: Option<PathBuf>,
    pub(crate) compression: String,
    pub(crate) body_size_limit: Size,
    pub(crate) enable_http3: bool,
    #[serde(skip)]
    pub(crate) client: ClientConfig,
}

impl Http {
    pub(crate) fn follows(&self) -> bool {
        self.no_follow_redirects.map_or(self.client.follow_redirects, |no| !no)
    }

    pub(crate) fn refused(&self) -> Option<String> {
        if self.fail_if_body_json_matches_cel.is_some() || self.fail_if_body_json_not_matches_cel.is_some() {
            return Some(
                "CEL is not supported; use fail_if_body_matches_regexp, or a check with JSONPath".to_owned(),
            );
        }
        if self.enable_http3 {
            return Some("enable_http3 is not supported".to_owned());
        }
        match self.compression.as_str() {
            "" | "br" | "gzip" | "deflate" | "identity" => {}
            other => {
                return Some(format!(
                    "compression {other:?} is not supported; use br, gzip, deflate or identity"
                ));
            }
        }
        self.client.refused()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryLabel {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueryResponse {
    pub(crate) expect: Option<Pattern>,
    pub(crate) expect_bytes: String,
    pub(crate) labels: Vec<QueryLabel>,
    pub(crate) send: String,
    pub(crate) starttls: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tcp {
    #[serde(flatten)]
    pub(crate) ip: Ip,
    pub(crate) source_ip_address: Option<IpAddr>,
    pub(crate) query_response: Vec<QueryResponse>,
    pub(crate) tls: bool,
    pub(crate) tls_config: TlsConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RrValidator {
    pub(crate) fail_if_matches_regexp: Vec<Pattern>,
    pub(crate) fail_if_all_match_regexp: Vec<Pattern>,
    pub(crate) fail_if_not_matches_regexp: Vec<Pattern>,
    pub(crate) fail_if_none_matches_regexp: Vec<Pattern>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dns {
    #[serde(flatten)]
    pub(crate) ip: Ip,
    pub(crate) source_ip_address: Option<IpAddr>,
    pub(crate) dns_over_tls: bool,
    pub(crate) tls_config: TlsConfig,
    pub(crate) transport_protocol: String,
    pub(crate) query_name: String,
    pub(crate) query_type: String,
    pub(crate) query_class: String,
    pub(crate) recursion_desired: Option<bool>,
    pub(crate) valid_rcodes: Vec<String>,
    pub(crate) validate_answer_rrs: RrValidator,
    pub(crate) validate_authority_rrs: RrValidator,
    pub(crate) validate_additional_rrs: RrValidator,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Icmp {
    #[serde(flatten)]
    pub(crate) ip: Ip,
    pub(crate) source_ip_address: Option<IpAddr>,
    pub(crate) payload_size: usize,
    pub(crate) dont_fragment: bool,
    pub(crate) ttl: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Grpc {
    pub(crate) service: String,
    pub(crate) tls: bool,
    pub(crate) tls_config: TlsConfig,
    #[serde(flatten)]
    pub(crate) ip: Ip,
    pub(crate) metadata: BTreeMap<String, MetadataValues>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum MetadataValues {
    One(String),
    Many(Vec<String>),
}

//! Modules: what `/probe?module=` names, from blackbox_exporter's files and json_exporter's.

use exporter_core::ConfigError;
use serde::Deserialize;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::client::{self, ClientConfig};
use super::json::JsonModule;
use super::options::{Dns, Grpc, Http, Icmp, Tcp};
use super::values::Span;
use super::words;

/// All modules by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modules {
    pub(crate) by_name: BTreeMap<String, Arc<Module>>,
}

#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) timeout: Duration,
    pub(crate) prober: Prober,
    /// As it is written, without what may be secret.
    pub(crate) shown: String,
    /// Loaded once for all targets, and again when a file of it changes.
    pub(crate) tls: crate::net::tls::TlsCell,
}

#[derive(Debug)]
pub(crate) enum Prober {
    Http(Box<Http>),
    Tcp(Tcp),
    Unix(Tcp),
    Dns(Box<Dns>),
    Icmp(Icmp),
    Grpc(Grpc),
    Json(Box<JsonModule>),
    /// An option we do not serve: the other modules of the file work, this one says why not.
    Refused(String),
}

/// What applies without a file: the modules that everybody has.
const BUILT_IN: &str = "modules:
  http_2xx: {prober: http}
  http_post_2xx: {prober: http, http: {method: POST}}
  tcp_connect: {prober: tcp}
  icmp: {prober: icmp}
  grpc: {prober: grpc, grpc: {tls: true}}
  grpc_plain: {prober: grpc, grpc: {tls: false}}
";

impl Modules {
    pub(crate) fn built_in() -> Result<Self, ConfigError> {
        let mut modules = Self::default();
        modules.add(BUILT_IN)?;
        Ok(modules)
    }

    /// Reads files in turn; a module that two of them name is refused.
    pub(crate) fn read<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let mut modules = Self::default();
        for path in paths {
            let failed = |error: String| ConfigError::new(format!("--config.file={path}: {error}"));
            let text = std::fs::read_to_string(Path::new(path)).map_err(|error| failed(error.to_string()))?;
            modules.add(&text).map_err(|error| failed(error.to_string()))?;
        }
        Ok(modules)
    }

    /// The module, or the default of either peer where none was named.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<Arc<Module>> {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => self.by_name.get(name).cloned(),
            None => self.by_name.get("http_2xx").or_else(|| self.by_name.get("default")).cloned(),
        }
    }

    /// All of them, without what may be secret.
    pub(crate) fn shown(&self) -> String {
        let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        let modules =
            self.by_name.iter().map(|(name, module)| format!("  {name}:\n{}", indented(&module.shown)));
        format!("modules:\n{}", modules.collect::<String>())
    }

    /// Modules that carry credentials.
    pub(crate) fn with_credentials(&self) -> impl Iterator<Item = &str> {
        self.by_name.iter().filter_map(|(name, module)| {
            let client = match &module.prober {
                Prober::Http(http) => &http.client,
                Prober::Json(json) => &json.http_client_config,
                _ => return None,
            };
            client.has_credentials().then_some(name.as_str())
        })
    }

    fn add(&mut self, text: &str) -> Result<(), ConfigError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            modules: Mapping,
        }
        let line = |error: serde_yaml::Error| ConfigError::new(words::of(&error));
        let file: File = serde_yaml::from_str(text).map_err(line)?;
        for (name, value) in file.modules {
            let name = name.as_str().map(str::to_owned);
            let name =
                name.ok_or_else(|| ConfigError::new("the name of a module is a text: put it in quotes"))?;
            let mut masked = value.clone();
            super::masked::mask(&mut masked);
            let (timeout, prober) =
                module(value).map_err(|error| ConfigError::new(format!("module {name}: {error}")))?;
            let shown = serde_yaml::to_string(&masked).map_err(line)?;
            let module = Module { name: name.clone(), timeout, prober, shown, tls: Default::default() };
            if let Prober::Refused(why) = &module.prober {
                tracing::warn!(module = name, why, "this module will be refused");
            }
            if self.by_name.insert(name.clone(), Arc::new(module)).is_some() {
                return Err(ConfigError::new(format!("module {name} stands here twice")));
            }
        }
        Ok(())
    }
}

fn module(value: Value) -> Result<(Duration, Prober), String> {
    let is_json = value.get("metrics").is_some() && value.get("prober").is_none();
    if is_json {
        if let Some(why) = super::json::refused(&value) {
            return Ok((Duration::MAX, Prober::Refused(why)));
        }
        let json = JsonModule::parse(value)?;
        let prober = match json.http_client_config.refused() {
            Some(why) => Prober::Refused(why),
            None => Prober::Json(Box::new(json)),
        };
        return Ok((Duration::MAX, prober));
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        prober: String,
        #[serde(default)]
        timeout: Span,
        #[serde(default)]
        http: Mapping,
        #[serde(default)]
        tcp: Mapping,
        #[serde(default)]
        unix: Mapping,
        #[serde(default)]
        dns: Mapping,
        #[serde(default)]
        icmp: Mapping,
        #[serde(default)]
        grpc: Mapping,
        #[serde(default)]
        websocket: Mapping,
    }
    let raw: Raw = serde_yaml::from_value(value).map_err(|error| words::of(&error))?;
    // The peer reads all sections, so that a mistake in any of them is seen.
    let (http, tcp, unix) =
        (http(raw.http)?, section::<Tcp>("tcp", raw.tcp, TCP)?, section("unix", raw.unix, TCP)?);
    let (dns, icmp, grpc) = (
        section::<Dns>("dns", raw.dns, DNS)?,
        section("icmp", raw.icmp, ICMP)?,
        section("grpc", raw.grpc, GRPC)?,
    );
    let prober = match raw.prober.as_str() {
        "http" => match http.refused() {
            Some(why) => Prober::Refused(why),
            None => Prober::Http(Box::new(http)),
        },
        "tcp" => Prober::Tcp(tcp),
        "unix" => Prober::Unix(unix),
        "dns" if dns.query_name.is_empty() => return Err("dns: query_name is missing".to_owned()),
        "dns" => match crate::probe::dns::check(&dns) {
            Ok(()) => Prober::Dns(Box::new(dns)),
            Err(error) => return Err(format!("dns: {error}")),
        },
        "icmp" => Prober::Icmp(icmp),
        "grpc" => Prober::Grpc(grpc),
        // Known to the next version of the peer, which has the section already.
        "websocket" => {
            let _ = raw.websocket;
            Prober::Refused("the prober websocket is not supported".to_owned())
        }
        other => {
            return Err(format!("unknown prober {other:?}; known: http, tcp, unix, dns, icmp, grpc"));
        }
    };
    let timeout = if raw.timeout.0.is_zero() { Duration::MAX } else { raw.timeout.0 };
    Ok((timeout, prober))
}

const IP: &[&str] = &["preferred_ip_protocol", "ip_protocol_fallback"];
const TCP: &[&str] = &["source_ip_address", "query_response", "tls", "tls_config"];
const DNS: &[&str] = &[
    "source_ip_address",
    "dns_over_tls",
    "tls_config",
    "transport_protocol",
    "query_name",
    "query_type",
    "query_class",
    "recursion_desired",
    "valid_rcodes",
    "validate_answer_rrs",
    "validate_authority_rrs",
    "validate_additional_rrs",
];
const ICMP: &[&str] = &["source_ip_address", "payload_size", "dont_fragment", "ttl"];
const GRPC: &[&str] = &["service", "tls", "tls_config", "metadata"];
const HTTP: &[&str] = &[
    "valid_status_codes",
    "valid_http_versions",
    "skip_resolve_phase_with_proxy",
    "no_follow_redirects",
    "fail_if_ssl",
    "fail_if_not_ssl",
    "method",
    "headers",
    "fail_if_body_matches_regexp",
    "fail_if_body_not_matches_regexp",
    "fail_if_body_json_matches_cel",
    "fail_if_body_json_not_matches_cel",
    "fail_if_header_matches",
    "fail_if_header_not_matches",
    "body",
    "body_file",
    "compression",
    "body_size_limit",
    "enable_http3",
];

/// Flattened structs cannot refuse unknown keys themselves.
fn section<T: serde::de::DeserializeOwned>(name: &str, map: Mapping, known: &[&str]) -> Result<T, String> {
    for key in map.keys().filter_map(Value::as_str) {
        if !known.contains(&key) && !IP.contains(&key) {
            return Err(format!("{name}: {}", words::unknown(key, &[known, IP])));
        }
    }
    serde_yaml::from_value(Value::Mapping(map)).map_err(|error| format!("{name}: {}", words::of(&error)))
}

fn http(map: Mapping) -> Result<Http, String> {
    let is_own = |key: &Value| key.as_str().is_some_and(|key| HTTP.contains(&key) || IP.contains(&key));
    let (own, client): (Mapping, Mapping) = map.into_iter().partition(|(key, _)| is_own(key));
    let mut keys = client.keys().filter_map(Value::as_str);
    if let Some(key) = keys.find(|key| !client::OPTIONS.contains(key)) {
        return Err(format!("http: {}", words::unknown(key, &[HTTP, IP, client::OPTIONS])));
    }
    let mut http: Http = section("http", own, HTTP)?;
    let client: ClientConfig = serde_yaml::from_value(Value::Mapping(client))
        .map_err(|error| format!("http: {}", words::of(&error)))?;
    http.client = client;
    if http.method.is_empty() {
        http.method = "GET".to_owned();
    }
    Ok(http)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Modules, ConfigError> {
        let mut modules = Modules::default();
        modules.add(text).map(|()| modules)
    }

    #[test]
    fn the_built_in_ones_are_there() {
        let modules = Modules::built_in().unwrap();
        assert!(matches!(modules.find(None).unwrap().prober, Prober::Http(_)));
        assert!(modules.find(Some("nope")).is_none());
    }

    #[test]
    fn options_of_the_peer_are_read() {
        let modules = read(
            "modules:
  a:
    prober: http
    timeout: 5s
    http:
      valid_status_codes: [200, 301]
      valid_http_versions: [HTTP/1.1, HTTP/2.0]
      headers: {Host: x, X-Number: 3}
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
      fail_if_header_matches: [{header: Set-Cookie, regexp: '.*', allow_missing: true}]
      body_size_limit: 10MB
      compression: gzip
      tls_config: {insecure_skip_verify: true, ca_file: /x}
      basic_auth: {username: u, password: hunter2}
      follow_redirects: false
  b: {prober: tcp, tcp: {query_response: [{expect: '^SSH', labels: [{name: v, value: '$1'}]}, {send: QUIT}, {starttls: true}]}}
  c: {prober: dns, dns: {query_name: example.com, query_type: MX, validate_answer_rrs: {fail_if_not_matches_regexp: [x]}}}
  d: {prober: icmp, icmp: {payload_size: 100, ttl: 5}}
  e: {prober: grpc, grpc: {service: s, metadata: {a: [b]}}}
  f: {headers: {A: b}, metrics: [{name: x, path: '{.a}'}]}
",
        )
        .unwrap();
        let a = modules.find(Some("a")).unwrap();
        let Prober::Http(http) = &a.prober else { panic!() };
        assert!(!http.follows() && !http.ip.ip_protocol_fallback && a.timeout == Duration::from_secs(5));
        assert!(!format!("{modules:?}").contains("hunter2"));
        assert!(matches!(modules.find(Some("f")).unwrap().prober, Prober::Json(_)));
    }

    #[test]
    fn what_is_not_served_costs_its_own_module_only() {
        let modules = read(
            "modules: {ok: {prober: http}, cel: {prober: http, http: {fail_if_body_json_matches_cel: 'x'}},
             tpl: {metrics: [{name: x, path: '{.a}'}], body: {content: x, templatize: true}},
             range: {metrics: [{name: x, path: '{range .a[*]}{.b}{end}'}]},
             auth: {prober: http, http: {oauth2: {client_id: x}}}, ws: {prober: websocket}, zstd: {prober: http, http: {compression: zstd}}}",
        )
        .unwrap();
        for (name, part) in [
            ("cel", "CEL"),
            ("ws", "websocket"),
            ("zstd", "zstd"),
            ("tpl", "templatize"),
            ("range", "range"),
            ("auth", "oauth2"),
        ] {
            let Prober::Refused(why) = &modules.find(Some(name)).unwrap().prober else { panic!("{name}") };
            assert!(why.contains(part), "{why}");
        }
        assert!(matches!(modules.find(Some("ok")).unwrap().prober, Prober::Http(_)));
    }

    #[test]
    fn mistakes_are_told_with_their_module() {
        for (text, part) in [
            ("modules: {a: {prober: http, http: {valid_status: 1}}}", "valid_status"),
            ("modules: {a: {prober: tcp, tcp: {nope: 1}}}", "module a: tcp: unknown option \"nope\""),
            ("modules: {a: {prober: dns}}", "query_name"),
            (
                "modules: {a: {prober: http, http: {fail_if_body_matches_regexp: ['(']}}}",
                "regular expression",
            ),
            ("modules: {a: {prober: http, timeout: x}}", "duration"),
            ("nope: 1", "nope"),
            ("modules: {a: {prober: htpp}}", "module a: unknown prober \"htpp\"; known: http"),
            ("modules: {a: {prober: http}, a: {prober: tcp}}", "duplicate"),
            ("modules: {a: {prober: http, http: {metod: GET}}}", "did you mean \"method\""),
            ("modules: {a: {prober: http, http: {valid_status_codes: 200}}}", "write a list"),
            ("modules: {a: {prober: http, http: {valid_status_codes: [x]}}}", "write a whole number"),
            ("modules: {a: {prober: http, http: {preferred_ip_protocol: ip5}}}", "expected `ip4` or `ip6`"),
            ("modules:\n  - a", "line 2, column 3: "),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}

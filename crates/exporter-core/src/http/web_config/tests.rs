//! Files that are taken and files that are refused, in a table.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use std::fmt::Write as _;
use std::path::PathBuf;

const HASH: &str = "$2y$04$BhrOAHuC8gAZPRvCP5VQWuxaDOVAB58nuRgRnSGHlLJWu9LgkWKX6";

/// A folder with `server.crt`, `server.key`, `other.key`, `ca.crt`, `empty`; removed when dropped.
struct Folder {
    path: PathBuf,
    cert: String,
    key: String,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("exporter-core-web-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("below")).unwrap();
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = ca.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let other = KeyPair::generate().unwrap().serialize_pem();
        for (file, text) in [
            ("server.crt", cert.pem()),
            ("below/server.crt", cert.pem()),
            ("server.key", key.serialize_pem()),
            ("other.key", other),
            ("ca.crt", ca.pem()),
            ("empty", String::new()),
        ] {
            std::fs::write(path.join(file), text).unwrap();
        }
        Self { path, cert: cert.pem(), key: key.serialize_pem() }
    }

    fn load(&self, text: &str) -> Result<WebConfig, String> {
        std::fs::write(self.path.join("web.yml"), text).unwrap();
        WebConfig::load(&self.path.join("web.yml"), &mut Stamps::default()).map_err(|error| error.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A `tls_server_config` with these lines beside certificate and key.
fn tls(lines: &str) -> String {
    let mut text = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n".to_owned();
    for line in lines.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// A PEM text as a YAML block.
fn block(pem: &str) -> String {
    let mut text = "|\n".to_owned();
    for line in pem.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

const MUTUAL: &str = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.crt\n";

#[test]
fn files_that_are_taken() {
    let folder = Folder::new("good");
    let absolute = format!(
        "tls_server_config: {{cert_file: {0}/server.crt, key_file: {0}/server.key}}",
        folder.path.display()
    );
    let inline = format!("tls_server_config:\n  cert: {}  key: {}", block(&folder.cert), block(&folder.key));
    for (text, is_tls) in [
        // Nothing asked for.
        (String::new(), false),
        ("# nothing\n".to_owned(), false),
        ("---\n".to_owned(), false),
        ("{}".to_owned(), false),
        ("tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n".to_owned(), false),
        ("tls_server_config: {}".to_owned(), false),
        ("tls_server_config: {cert_file: '', key_file: ''}".to_owned(), false),
        ("basic_auth_users: {}".to_owned(), false),
        // One thing each.
        (format!("basic_auth_users:\n  alice: {HASH}\n  bob: {HASH}\n"), false),
        (format!("basic_auth_users: {{123: {HASH}}}"), false),
        ("http_server_config: {http2: false}".to_owned(), false),
        ("http_server_config: {http2: yes}".to_owned(), false),
        ("http_server_config: {headers: {X-Frame-Options: deny}}".to_owned(), false),
        ("http_server_config: {headers: {X-Frame-Options: ''}}".to_owned(), false),
        ("rate_limit: {interval: 1s, burst: 10}".to_owned(), false),
        ("rate_limit: {interval: 1m30s, burst: 1}".to_owned(), false),
        ("rate_limit: {interval: 0, burst: 0}".to_owned(), false),
        ("rate_limit: {burst: 10}".to_owned(), false),
        // Certificates.
        (tls(""), true),
        (absolute, true),
        (inline, true),
        (tls("").replace(": server.crt", ": below/server.crt"), true),
        (tls("client_auth_type: NoClientCert"), true),
        (tls(MUTUAL), true),
        (tls("client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: ca.crt"), true),
        (tls(&format!("{MUTUAL}client_allowed_sans: [a.example, 192.0.2.1]")), true),
        // Versions, suites, curves.
        (tls("min_version: TLS12\nmax_version: TLS13"), true),
        (tls("min_version: TLS13"), true),
        (tls("max_version: TLS12"), true),
        (tls("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"), true),
        (tls("cipher_suites: [TLS_AES_128_GCM_SHA256]\nmin_version: TLS13"), true),
        (tls("cipher_suites: []\ncurve_preferences: []"), true),
        (tls("curve_preferences: [X25519, CurveP256, CurveP384]"), true),
        (tls("prefer_server_cipher_suites: no"), true),
    ] {
        match folder.load(&text) {
            Ok(config) => assert_eq!(config.is_tls(), is_tls, "{text}"),
            Err(error) => panic!("{error}\n{text}"),
        }
    }
}

#[test]
fn files_that_are_refused_by_key_and_reason() {
    let folder = Folder::new("bad");
    let cases: Vec<(String, &[&str])> = vec![
        // Shape.
        ("tls_server_confg: {}".into(), &["tls_server_confg", "line 1"]),
        ("http_server_config:\n  http3: true".into(), &["http3", "line 2"]),
        (tls("cert_fil: x"), &["cert_fil", "line 4"]),
        (tls("cert_file: x"), &["\"cert_file\" stands here twice", "line 4"]),
        ("rate_limit:\n  interval: 1s\n  brust: 1".into(), &["brust", "line 3"]),
        (format!("basic_auth_users:\n  a: {HASH}\n  a: {HASH}"), &["\"a\" stands here twice", "line 3"]),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-Frame-Options: deny".into(),
            &["twice", "line 4"],
        ),
        ("basic_auth_users: hunter2".into(), &["basic_auth_users", "expected a map"]),
        ("basic_auth_users: [a".into(), &["line"]),
        ("http_server_config: {http2: maybe}".into(), &["http2"]),
        ("- a".into(), &["sequence"]),
        // Certificates.
        ("tls_server_config: {cert_file: server.crt}".into(), &["key_file", "missing"]),
        ("tls_server_config: {key_file: server.key}".into(), &["cert_file", "missing"]),
        ("tls_server_config: {min_version: TLS13}".into(), &["cert_file", "missing"]),
        ("tls_server_config: {client_allowed_sans: [a]}".into(), &["cert_file", "missing"]),
        (tls("cert: x"), &["cert_file", "cert is given too"]),
        (tls("").replace("server.crt", "absent.crt"), &["cert_file", "absent.crt", "No such file"]),
        (tls("").replace("server.crt", "below"), &["cert_file", "below"]),
        (tls("").replace("server.crt", "empty"), &["cert_file", "no certificate"]),
        (tls("").replace("server.key", "empty"), &["key_file", "no private key"]),
        (tls("").replace("server.key", "server.crt"), &["key_file", "no private key"]),
        (tls("").replace("server.key", "other.key"), &["cert_file and key_file"]),
        // Clients.
        (tls("client_ca_file: ca.crt"), &["client_ca_file", "client_auth_type"]),
        (tls("client_auth_type: RequireAndVerifyClientCert"), &["client_auth_type", "client_ca_file"]),
        (tls("client_auth_type: RequestClientCert"), &["client_auth_type", "RequestClientCert", "anybody"]),
        (tls("client_auth_type: RequireAnyClientCert"), &["RequireAnyClientCert", "anybody"]),
        (tls("client_auth_type: RequireClientCert"), &["RequireClientCert", "anybody"]),
        (tls("client_auth_type: Sometimes"), &["client_auth_type", "Sometimes", "known"]),
        (tls("client_allowed_sans: [a]"), &["client_allowed_sans", "client_auth_type"]),
        (
            tls(
                "client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: ca.crt\nclient_allowed_sans: [a]",
            ),
            &["client_allowed_sans", "RequireAndVerifyClientCert"],
        ),
        (tls(&MUTUAL.replace("ca.crt", "empty")), &["client_ca_file", "no certificate"]),
        (tls(&format!("{MUTUAL}client_ca: x")), &["client_ca_file", "client_ca is given too"]),
        // Versions, suites, curves.
        (tls("min_version: TLS10"), &["min_version", "TLS10", "TLS12"]),
        (tls("min_version: 1.2"), &["min_version", "1.2 is unknown"]),
        (tls("max_version: TLS11"), &["max_version", "TLS11"]),
        (tls("min_version: TLS13\nmax_version: TLS12"), &["min_version", "above"]),
        (
            tls("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"),
            &["cipher_suites", "TLS_RSA_WITH_AES_128_CBC_SHA"],
        ),
        (tls("cipher_suites: [nonsense]"), &["cipher_suites", "nonsense", "known"]),
        (tls("curve_preferences: [CurveP521]"), &["curve_preferences", "CurveP521"]),
        // The rest.
        ("http_server_config: {headers: {Server: x}}".into(), &["headers.Server", "cannot be set"]),
        ("http_server_config: {headers: {x-frame-options: deny}}".into(), &["x-frame-options"]),
        ("http_server_config: {headers: {X-Frame-Options: DENY}}".into(), &["X-Frame-Options", "sameorigin"]),
        ("http_server_config: {headers: {X-Content-Type-Options: sniff}}".into(), &["nosniff"]),
        ("http_server_config: {headers: {X-XSS-Protection: \"a\\nb\"}}".into(), &["X-XSS-Protection"]),
        ("basic_auth_users: {alice: hunter2}".into(), &["basic_auth_users.alice", "bcrypt"]),
        (format!("basic_auth_users: {{alice: {}}}", HASH.replace("$04$", "$31$")), &["alice", "cost of 31"]),
        ("rate_limit: {interval: soon, burst: 1}".into(), &["rate_limit.interval", "soon"]),
        ("rate_limit: {interval: 1s}".into(), &["rate_limit.burst"]),
        ("rate_limit: {interval: 1s, burst: -1}".into(), &["rate_limit", "burst"]),
    ];
    for (text, expected) in cases {
        let error = folder.load(&text).map(drop).expect_err(&text);
        for part in expected.iter().copied().chain(["web.yml"]) {
            assert!(error.contains(part), "{part} in {error}\n{text}");
        }
        assert!(!error.contains('\n') && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn headers_are_as_given() {
    let folder = Folder::new("headers");
    let text = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n    \
                X-Content-Type-Options: nosniff\n    Content-Security-Policy: ''\n";
    let headers = folder.load(text).unwrap().headers;
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let expected: [(&str, &[u8]); 2] =
        [("strict-transport-security", b"max-age=31536000"), ("x-content-type-options", b"nosniff")];
    assert_eq!(headers, expected);
}

//! Beside blackbox_exporter, on the same servers: the same families, labels and, where time does not move them, values.

use crate::bad_server::BadServer;
use crate::certs::Certs;
use crate::grpc_server::GrpcServer;
use crate::nginx::Nginx;
use crate::support::{Page, Prober};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, http, tools, wait};
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

struct Peer {
    _process: Process,
    _dir: TempDir,
    port: Port,
}

impl Peer {
    fn start(modules: &str) -> Result<Peer> {
        let (dir, port) = (TempDir::new()?, ports::free()?);
        let config = dir.write("blackbox.yml", modules)?;
        let mut command = Command::new(tools::path("blackbox_exporter")?);
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--web.listen-address={}", port.address()));
        let mut process = Process::spawn(&mut command)?;
        process.wait_http(&format!("http://{}/-/healthy", port.address()), wait::LONG)?;
        Ok(Peer { _process: process, _dir: dir, port })
    }

    fn probe(&self, target: &str, module: &str) -> Result<Page> {
        let target: String = target.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let url = format!("http://{}/probe?target={target}&module={module}", self.port.address());
        Ok(Page::parse(&http::get(&url, &[])?.expect_status(200)?.text()))
    }
}

/// Values that the clock or the implementation moves.
const MOVING: [&str; 8] = [
    "probe_duration_seconds",
    "probe_dns_lookup_time_seconds",
    "probe_http_duration_seconds",
    "probe_icmp_duration_seconds",
    "probe_dns_duration_seconds",
    "probe_grpc_duration_seconds",
    // Ours is told by the reason too.
    "probe_failure_reason",
    "app_health_",
];

fn compare(what: &str, ours: &Page, theirs: &Page, failed_handshake: bool) -> Result {
    let ours_only = |series: &str| {
        series.starts_with("app_health_")
            || series.starts_with("probe_failure_reason")
            // What a refused certificate says is what the peer does not tell.
            || (failed_handshake && (series.starts_with("probe_ssl_earliest") || series.starts_with("probe_ssl_last_chain_info")))
    };
    let moving = |series: &str| MOVING.iter().any(|family| series.starts_with(family));
    let mut differences = Vec::new();
    for (series, value) in &theirs.samples {
        match ours.samples.get(series) {
            None => differences.push(format!("- {series} {value}")),
            Some(own) if own != value && !moving(series) => {
                differences.push(format!("~ {series}: theirs {value}, ours {own}"))
            }
            Some(_) => {}
        }
    }
    differences.extend(
        ours.samples
            .keys()
            .filter(|series| !theirs.samples.contains_key(*series) && !ours_only(series))
            .map(|series| format!("+ {series}")),
    );
    for line in theirs.text.lines().filter(|line| line.starts_with("# TYPE ")) {
        if !ours.text.contains(line) {
            differences.push(format!("- {line}"));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("{what}:\n{}", differences.join("\n"))))
}

#[test]
fn the_same_page_as_the_peer() -> Result {
    let certs = Certs::new()?;
    let nginx = Nginx::start(Some(&certs))?;
    let dns = Dnsmasq::start()?;
    let serving = GrpcServer::start(1, "0")?;
    let not_serving = GrpcServer::start(2, "0")?;
    let unimplemented = GrpcServer::start(0, "12")?;
    let ca = certs.path("ca.pem").display().to_string();
    let modules = format!(
        "modules:
  http: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {ca}}}}}}}
  http1: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, enable_http2: false, tls_config: {{ca_file: {ca}}}}}}}
  tls12: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {ca}, max_version: TLS12}}}}}}
  skip: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{insecure_skip_verify: true}}}}}}
  no_follow: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, follow_redirects: false, valid_status_codes: [302]}}}}
  body: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, fail_if_body_matches_regexp: [world]}}}}
  header: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, fail_if_header_matches: [{{header: Server, regexp: nginx}}]}}}}
  gzip: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, compression: gzip, headers: {{Accept-Encoding: gzip}}}}}}
  br: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, compression: br, fail_if_body_not_matches_regexp: ['^hello world$']}}}}
  post: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, method: POST, body: x, valid_status_codes: [405]}}}}
  limited: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, body_size_limit: 5B}}}}
  basic: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, basic_auth: {{username: u, password: hunter2}}}}}}
  head: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, method: HEAD}}}}
  version: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, valid_http_versions: [HTTP/2.0]}}}}
  not_ssl: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, fail_if_not_ssl: true}}}}
  ip6: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip6, ip_protocol_fallback: false}}}}
  tcp: {{prober: tcp, timeout: 5s, tcp: {{preferred_ip_protocol: ip4}}}}
  tcp_tls: {{prober: tcp, timeout: 5s, tcp: {{preferred_ip_protocol: ip4, tls: true, tls_config: {{ca_file: {ca}}}}}}}
  talk: {{prober: tcp, timeout: 2s, tcp: {{preferred_ip_protocol: ip4, query_response: [{{send: 'GET / HTTP/1.0'}}, {{send: ''}}, {{send: \"\\r\"}}, {{expect: 'HTTP/1.(.) (200)', labels: [{{name: status, value: '$2'}}]}}]}}}}
  icmp: {{prober: icmp, timeout: 5s, icmp: {{preferred_ip_protocol: ip4}}}}
  dns: {{prober: dns, timeout: 5s, dns: {{preferred_ip_protocol: ip4, query_name: a.example.test, query_type: A, validate_answer_rrs: {{fail_if_not_matches_regexp: [\"a.example.test.\\t0\\tIN\\tA\\t10.1.2.3\"]}}}}}}
  dns_mx: {{prober: dns, timeout: 5s, dns: {{preferred_ip_protocol: ip4, transport_protocol: tcp, query_name: example.test, query_type: MX, validate_answer_rrs: {{fail_if_not_matches_regexp: ['10 mail.example.test.']}}}}}}
  dns_txt: {{prober: dns, timeout: 5s, dns: {{preferred_ip_protocol: ip4, query_name: example.test, query_type: TXT, validate_answer_rrs: {{fail_if_none_matches_regexp: ['\"v=spf1 a\"']}}}}}}
  dns_soa: {{prober: dns, timeout: 5s, dns: {{preferred_ip_protocol: ip4, query_name: nothing.test, query_type: SOA}}}}
  dns_not: {{prober: dns, timeout: 5s, dns: {{preferred_ip_protocol: ip4, query_name: a.example.test, query_type: A, validate_answer_rrs: {{fail_if_matches_regexp: ['10\\.']}}}}}}
  grpc: {{prober: grpc, timeout: 5s, grpc: {{preferred_ip_protocol: ip4}}}}
"
    );
    let (peer, prober) = (Peer::start(&modules)?, Prober::new(&modules)?);
    let dns = dns.address();
    let closed = ports::free()?;
    let brotli = BadServer::start(|client| {
        client.head();
        client.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 15\r\n\r\n");
        client.send(b"\x0b\x05\x80hello world\x03");
        client.hang();
    })?;
    let mut failures = Vec::new();
    for (target, module) in [
        (nginx.url("/"), "http"),
        (nginx.url("/once"), "http"),
        (nginx.url("/loop"), "http"),
        (nginx.url("/gone"), "http"),
        (nginx.url("/modified"), "http"),
        (nginx.url("/packed"), "gzip"),
        (nginx.url("/"), "gzip"),
        (brotli.address(), "br"),
        (nginx.url("/"), "body"),
        (nginx.url("/"), "header"),
        (nginx.url("/flat"), "post"),
        (nginx.url("/once"), "no_follow"),
        (nginx.url("/flat"), "limited"),
        (nginx.url("/private"), "basic"),
        (nginx.url("/private"), "http"),
        (nginx.url("/flat"), "head"),
        (nginx.url("/"), "version"),
        (nginx.url("/"), "not_ssl"),
        (nginx.url("/"), "ip6"),
        (closed.address(), "http"),
        ("http://no-such-host.invalid/".to_owned(), "http"),
        (nginx.https("good", "/"), "http"),
        (nginx.https("good", "/"), "http1"),
        (nginx.https("good", "/once"), "tls12"),
        (nginx.https("expired", "/"), "skip"),
        (nginx.https("expired", "/"), "http"),
        (nginx.https("other", "/"), "http"),
        (nginx.http.address(), "tcp"),
        (nginx.http.address(), "talk"),
        (closed.address(), "tcp"),
        (nginx.https("good", "")["https://".len()..].to_owned(), "tcp_tls"),
        (nginx.https("expired", "")["https://".len()..].to_owned(), "tcp_tls"),
        ("127.0.0.1".to_owned(), "icmp"),
        (dns.clone(), "dns"),
        (dns.clone(), "dns_mx"),
        (dns.clone(), "dns_txt"),
        (dns.clone(), "dns_soa"),
        (dns.clone(), "dns_not"),
        (serving.address.to_string(), "grpc"),
        (not_serving.address.to_string(), "grpc"),
        (unimplemented.address.to_string(), "grpc"),
        (closed.address(), "grpc"),
    ] {
        let theirs = peer.probe(&target, module)?;
        let ours = prober.probe(&target, module, Duration::from_secs(20));
        let failed_handshake = ours.reason().is_some_and(|reason| reason.starts_with("tls_"));
        let what = format!("{module} {target} (reason {:?})", ours.reason());
        if let Err(error) = compare(&what, &ours, &theirs, failed_handshake) {
            failures.push(error.to_string());
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::new(failures.join("\n\n"))) }
}

/// A name server of a test's own.
struct Dnsmasq {
    _process: Process,
    port: Port,
}

impl Dnsmasq {
    fn start() -> Result<Dnsmasq> {
        let port = ports::free()?;
        let program = tools::path("dnsmasq").or_else(|_| tools::path("../sbin/dnsmasq"))?;
        let mut command = Command::new(program);
        command.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=",
        ]);
        command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="]);
        command.arg(format!("--port={port}"));
        command.args(["--address=/a.example.test/10.1.2.3", "--mx-host=example.test,mail.example.test,10"]);
        command.args(["--txt-record=example.test,v=spf1 a", "--local=/test/"]);
        let mut process = Process::spawn(&mut command)?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let address = port.address();
        process.until("dnsmasq to answer", wait::LONG, || {
            socket.send_to(b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x04test\0\0\x01\0\x01", &address)?;
            Ok(socket.recv(&mut [0; 512])?)
        })?;
        Ok(Dnsmasq { _process: process, port })
    }

    fn address(&self) -> String {
        self.port.address()
    }
}

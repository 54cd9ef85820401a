//! Each fault: the right reason, in time, in bounded memory.

use crate::bad_server::BadServer;
use crate::certs::Certs;
use crate::grpc_server::GrpcServer;
use crate::nginx::Nginx;
use crate::support::{Page, Prober};
use exporter_testkit::Result;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::rustls;

const MODULES: &str = "modules:
  http: {prober: http, timeout: 1s, http: {preferred_ip_protocol: ip4}}
  slow: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4}}
  body: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: [world]}}
  not_body: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, fail_if_body_matches_regexp: [world]}}
  limited: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, body_size_limit: 5B}}
  header: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, fail_if_header_not_matches: [{header: Server, regexp: Apache}]}}
  version: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, valid_http_versions: [HTTP/2.0]}}
  not_ssl: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, fail_if_not_ssl: true}}
  packed: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, compression: gzip}}
  ip6: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip6, ip_protocol_fallback: false}}
  tcp: {prober: tcp, timeout: 1s, tcp: {query_response: [{expect: '^SSH-(.*)', labels: [{name: version, value: '$1'}]}]}}
  dns: {prober: dns, timeout: 1s, dns: {query_name: example.test, preferred_ip_protocol: ip4}}
  grpc: {prober: grpc, timeout: 1s, grpc: {preferred_ip_protocol: ip4}}
  unix: {prober: unix, timeout: 1s}
  json: {metrics: [{name: x, path: '{.a}'}]}
";
const BUDGET: Duration = Duration::from_secs(20);

#[track_caller]
fn fails(page: &Page, reason: &str) {
    assert_eq!((page.value("probe_success"), page.reason()), (0.0, Some(reason)), "{}", page.text);
}

/// The probe fails for this reason and ends within 50 ms of its timeout of one second. What a busy machine holds up may try
/// again: a probe that waits too long by itself always does.
#[track_caller]
fn times_out(prober: &Prober, target: &str, module: &str, reason: &str) -> Page {
    let mut all = Vec::new();
    for _ in 0..5 {
        let page = prober.probe(target, module, BUDGET);
        fails(&page, reason);
        let took = page.value("probe_duration_seconds");
        if (0.99..1.05).contains(&took) {
            return page;
        }
        all.push(took);
    }
    panic!("{module} {target} took {all:?} s");
}

#[test]
fn connections_that_fail() -> Result {
    let prober = Prober::new(MODULES)?;
    let probe = |target: &str, module| prober.probe(target, module, BUDGET);
    fails(&probe("http://no-such-host.invalid/", "http"), "resolve");
    fails(&probe("http://127.0.0.1/", "ip6"), "resolve");
    let closed = exporter_testkit::ports::free()?;
    for module in ["http", "tcp", "grpc"] {
        fails(&probe(&closed.address(), module), "refused");
    }
    fails(&probe(&closed.address(), "dns"), "refused");
    fails(&probe("/no/such/socket", "unix"), "refused");
    fails(&probe("http://169.254.169.254/latest/meta-data", "http"), "not_allowed");
    // A full queue of connections drops further ones in silence, like a firewall.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(0)?;
    let listener = TcpListener::from(listener);
    let address = listener.local_addr()?;
    let _fill: Vec<_> =
        (0..4).map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200))).collect();
    for module in ["http", "tcp", "grpc"] {
        times_out(&prober, &address.to_string(), module, "timeout_connect");
    }
    Ok(())
}

#[test]
fn answers_that_do_not_come_or_do_not_end() -> Result {
    let prober = Prober::new(MODULES)?;
    let silent = BadServer::start(|client| client.hang())?;
    for module in ["http", "tcp", "grpc"] {
        times_out(&prober, &silent.address(), module, "timeout_response");
    }
    times_out(&prober, &format!("https://{}/", silent.address()), "http", "timeout_tls");
    let deaf = std::net::UdpSocket::bind("127.0.0.1:0")?;
    times_out(&prober, &deaf.local_addr()?.to_string(), "dns", "timeout_response");
    let slow_header = BadServer::start(|client| {
        client.head();
        client.send(b"HTTP/1.1 200 OK\r\n");
        while !client.is_ending() && client.send(b"X") {
            std::thread::sleep(Duration::from_millis(50));
        }
    })?;
    times_out(&prober, &slow_header.address(), "http", "timeout_response");
    let slow_body = BadServer::start(|client| {
        client.head();
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while !client.is_ending() && client.send(b"x") {
            std::thread::sleep(Duration::from_millis(50));
        }
    })?;
    let page = times_out(&prober, &slow_body.address(), "http", "timeout_body");
    assert_eq!(page.value("probe_http_status_code"), 200.0);
    Ok(())
}

/// The scrape's own deadline counts where it is the earlier one, and the page still says why.
#[test]
fn the_scrape_comes_before_the_module() -> Result {
    let prober = Prober::new(MODULES)?;
    let silent = BadServer::start(|client| client.hang())?;
    let begin = Instant::now();
    let page = prober.probe(&silent.address(), "slow", Duration::from_millis(800));
    assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
    fails(&page, "timeout_response");
    Ok(())
}

#[test]
fn endless_bodies_take_no_memory() -> Result {
    let prober = Prober::new(MODULES)?;
    let endless = BadServer::start(|client| {
        client.head();
        client.send(b"HTTP/1.1 200 OK\r\n\r\n");
        let chunk = vec![b'x'; 256 * 1024];
        while !client.is_ending() && client.send(&chunk) {}
    })?;
    let before = resident();
    times_out(&prober, &endless.address(), "http", "timeout_body");
    fails(&prober.probe(&endless.address(), "body", BUDGET), "body_limit");
    fails(&prober.probe(&endless.address(), "limited", BUDGET), "body_limit");
    let grown = resident().saturating_sub(before);
    assert!(grown < 60_000_000, "{grown} bytes more");
    Ok(())
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
}

#[test]
fn answers_that_are_wrong() -> Result {
    let nginx = Nginx::start(None)?;
    let prober = Prober::new(MODULES)?;
    let probe = |path: &str, module| prober.probe(&nginx.url(path), module, BUDGET);
    let page = probe("/loop", "http");
    fails(&page, "redirect");
    assert_eq!(page.value("probe_http_status_code"), 302.0);
    fails(&probe("/gone", "http"), "status");
    fails(&probe("/", "not_body"), "body");
    fails(&probe("/", "header"), "header");
    fails(&probe("/", "version"), "version");
    fails(&probe("/", "not_ssl"), "ssl");
    fails(&probe("/", "limited"), "body_limit");
    fails(&probe("/", "packed"), "decompress");
    assert_eq!(probe("/", "body").value("probe_success"), 1.0);
    let page = probe("/packed", "packed");
    assert_eq!(page.value("probe_success"), 1.0, "{}", page.text);
    assert!(page.value("probe_http_uncompressed_body_length") > 200.0);
    let junk = BadServer::start(|client| {
        client.send(b"220 smtp.example ESMTP\r\n");
        client.hang();
    })?;
    fails(&prober.probe(&junk.address(), "http", BUDGET), "protocol");
    fails(&prober.probe(&format!("https://{}", nginx.http.address()), "http", BUDGET), "tls_handshake");
    let closing = BadServer::start(|client| {
        client.head();
    })?;
    fails(&prober.probe(&closing.address(), "http", BUDGET), "closed");
    fails(&prober.probe(&closing.address(), "tcp", Duration::from_millis(500)), "timeout_response");
    Ok(())
}

#[test]
fn certificates() -> Result {
    let certs = Certs::new()?;
    let nginx = Nginx::start(Some(&certs))?;
    let module =
        |extra: &str| format!("{{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4{extra}}}}}");
    let modules = format!(
        "modules: {{ca: {}, system: {}, skip: {}, own: {}}}",
        module(&format!(", tls_config: {{ca_file: {}}}", certs.path("ca.pem").display())),
        module(""),
        module(", tls_config: {insecure_skip_verify: true}"),
        module(&format!(", tls_config: {{ca_file: {}}}", certs.path("own.pem").display())),
    );
    let prober = Prober::new(&modules)?;
    let probe = |cert: &str, module| prober.probe(&nginx.https(cert, "/"), module, BUDGET);
    let page = probe("good", "ca");
    assert_eq!((page.value("probe_success"), page.value("probe_http_version")), (1.0, 2.0), "{}", page.text);
    for (cert, module, reason) in [
        ("expired", "ca", "tls_expired"),
        ("early", "ca", "tls_not_yet_valid"),
        ("other", "ca", "tls_name"),
        ("good", "system", "tls_unknown_ca"),
        ("own", "ca", "tls_unknown_ca"),
    ] {
        let page = probe(cert, module);
        fails(&page, reason);
        // The end of a certificate shows just when it matters.
        assert!(page.value("probe_ssl_earliest_cert_expiry") > 1.6e9);
        assert!(!page.text.contains("probe_ssl_last_chain_expiry_timestamp_seconds "));
    }
    assert_eq!(
        probe("expired", "skip").value("probe_ssl_last_chain_expiry_timestamp_seconds"),
        -62_135_596_800.0
    );
    assert_eq!(probe("own", "own").value("probe_success"), 1.0, "{}", probe("own", "own").text);
    Ok(())
}

#[test]
fn http2_and_grpc() -> Result {
    let prober = Prober::new(MODULES)?;
    for (state, status, reason) in
        [(1, "0", None), (2, "0", Some("not_serving")), (0, "12", Some("grpc_status"))]
    {
        let server = GrpcServer::start(state, status)?;
        let page = prober.probe(&server.address.to_string(), "grpc", BUDGET);
        assert_eq!(page.reason(), reason, "{}", page.text);
    }
    let resetting = BadServer::start(|client| {
        let _ = reset_first_stream(&mut client.stream);
        client.hang();
    })?;
    fails(&prober.probe(&resetting.address(), "grpc", BUDGET), "http2_reset");
    let certs = Certs::new()?;
    let config = tls(&certs)?;
    let resetting = BadServer::start(move |client| {
        let session = rustls::ServerConnection::new(config.clone()).expect("a session");
        let mut stream = rustls::StreamOwned::new(session, client.stream.try_clone().expect("a socket"));
        let _ = reset_first_stream(&mut stream);
        client.hang();
    })?;
    let prober = Prober::new(
        "modules: {skip: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}}}",
    )?;
    let page = prober.probe(&format!("https://{}/", resetting.address()), "skip", BUDGET);
    fails(&page, "http2_reset");
    assert_eq!(page.value("probe_http_status_code"), 0.0);
    Ok(())
}

/// A server that offers HTTP/2 only.
fn tls(certs: &Certs) -> Result<Arc<rustls::ServerConfig>> {
    use rustls::pki_types::pem::PemObject as _;
    let told = |error: &dyn std::fmt::Display| exporter_testkit::Error::new(error.to_string());
    let chain =
        rustls::pki_types::CertificateDer::from_pem_file(certs.path("good.pem")).map_err(|e| told(&e))?;
    let key =
        rustls::pki_types::PrivateKeyDer::from_pem_file(certs.path("good.key")).map_err(|e| told(&e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| told(&e))?.with_no_client_auth();
    let mut config = builder.with_single_cert(vec![chain], key).map_err(|e| told(&e))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

/// Answers the request with a reset of its stream (INTERNAL_ERROR).
fn reset_first_stream(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    stream.write_all(b"\0\0\0\x04\0\0\0\0\0")?;
    stream.flush()?;
    stream.read_exact(&mut [0; 24])?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize])?;
        // HEADERS: the request.
        if head[3] == 1 {
            break;
        }
    }
    stream.write_all(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02")?;
    stream.flush()
}

#[test]
fn conversations() -> Result {
    let prober = Prober::new(MODULES)?;
    let ssh = BadServer::start(|client| {
        client.send(b"hello\r\nSSH-2.0-test\r\n");
        client.hang();
    })?;
    let page = prober.probe(&ssh.address(), "tcp", BUDGET);
    assert_eq!(page.value("probe_expect_info{version=\"2.0-test\"}"), 1.0, "{}", page.text);
    let other = BadServer::start(|client| {
        client.send(b"SMTP\r\n");
    })?;
    let page = prober.probe(&other.address(), "tcp", BUDGET);
    assert_eq!(page.value("probe_failed_due_to_regex"), 1.0, "{}", page.text);
    Ok(())
}

#[test]
fn json_that_is_none() -> Result {
    let prober = Prober::new(MODULES)?;
    let deep = "[".repeat(100_000);
    for (body, reason) in [
        ("no json".to_owned(), "json"),
        (deep, "json"),
        ("{\"b\": 1}".to_owned(), "mapping"),
        ("{\"a\": \"text\"}".to_owned(), "mapping"),
    ] {
        let server = serving(body.into_bytes())?;
        fails(&prober.probe(&server.address(), "json", BUDGET), reason);
    }
    fails(&prober.probe(&serving(b"{\"a\": \"\xff\xfe\"}".to_vec())?.address(), "json", BUDGET), "json");
    fails(&prober.probe(&serving(vec![b' '; 11_000_000])?.address(), "json", BUDGET), "body_limit");
    // Small on the wire, large in memory.
    let many = format!("[{}1]", r#"{"a":1},"#.repeat(1_000_000));
    let (server, before) = (serving(many.into_bytes())?, resident());
    fails(&prober.probe(&server.address(), "json", BUDGET), "body_limit");
    let grown = resident().saturating_sub(before);
    assert!(grown < 150_000_000, "{grown} bytes more");
    Ok(())
}

fn serving(body: Vec<u8>) -> Result<BadServer> {
    BadServer::start(move |client| {
        client.head();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        client.send(head.as_bytes());
        client.send(&body);
    })
}

/// What was configured for one server is not shown to another one that it points to.
#[test]
fn credentials_stay_where_they_belong() -> Result {
    let (sender, heads) = std::sync::mpsc::channel();
    let other = BadServer::start(move |client| {
        let _ = sender.send(client.head());
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    })?;
    let location =
        format!("HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", other.address());
    let first = BadServer::start(move |client| {
        let head = client.head();
        let authorised = head.to_lowercase().contains("authorization: basic");
        client.send(if authorised {
            location.as_bytes()
        } else {
            b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
        });
    })?;
    let prober = Prober::new(
        "modules: {a: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, basic_auth: {username: u, password: hunter2}, headers: {X-Api-Key: hunter2, Cookie: hunter2, X-Plain: \"1\"}}}}",
    )?;
    let page = prober.probe(&first.address(), "a", BUDGET);
    assert_eq!(
        (page.value("probe_success"), page.value("probe_http_redirects")),
        (1.0, 1.0),
        "{}",
        page.text
    );
    let head = heads.recv().expect("a head");
    assert!(!head.to_lowercase().contains("authorization") && !head.contains("hunter2"), "{head}");
    assert!(head.to_lowercase().contains("x-plain: 1"), "{head}");
    assert!(!page.text.contains("hunter2"));
    Ok(())
}

#[test]
fn what_may_be_asked() -> Result {
    let nginx = Nginx::start(None)?;
    let port = nginx.http.get();
    let allowed = format!("127.0.0.1:{port}");
    let prober = Prober::with(MODULES, &[("probe.allow", &allowed)])?;
    assert_eq!(prober.probe(&nginx.url("/"), "http", BUDGET).value("probe_success"), 1.0);
    fails(&prober.probe("http://127.0.0.1:1/", "http", BUDGET), "not_allowed");
    let dir = exporter_testkit::fixture::TempDir::new()?;
    let path = dir.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path)?;
    let path = path.display().to_string();
    assert_eq!(Prober::new(MODULES)?.probe(&path, "unix", BUDGET).value("probe_success"), 1.0);
    fails(&prober.probe(&path, "unix", BUDGET), "not_allowed");
    let sockets = Prober::with(MODULES, &[("probe.allow", &path)])?;
    assert_eq!(sockets.probe(&path, "unix", BUDGET).value("probe_success"), 1.0);
    fails(&sockets.probe(&nginx.url("/"), "http", BUDGET), "not_allowed");
    for (target, module, part) in [("", "http", "missing"), ("x", "nope", "Unknown module")] {
        let error = prober.target(target, module).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    Ok(())
}

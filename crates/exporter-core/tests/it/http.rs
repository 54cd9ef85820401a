//! The server, asked over real connections.

use super::support::*;
use exporter_core::{Answer, App, AppOptions, Exporter, Instance, Route, Settings, SourceSpec, serve};
use exporter_testkit::http::{self, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

static EXPORTER: Exporter = Exporter {
    name: "test",
    namespace: "test",
    default_port: 0,
    about: "",
    collectors: || vec![&GOOD, &BAD],
    flags: Vec::new,
    sources: |_: &Settings| Ok(Vec::new()),
    probes: |_| Ok(Vec::new()),
    discover: || Err("nothing to look for".to_owned()),
};

/// Paths beside the page: one to ask, one to tell, one that never answers.
fn routes() -> [Route; 3] {
    [
        Route::get("/found", |_| async { Answer::json("[]") }),
        Route::post("/told/", |request| async move {
            let token = request.bearer.as_ref().map(|token| token.expose().to_owned());
            let told = format!("{} {:?} {token:?}", request.rest, request.parameter("code"));
            Answer::text(if token.is_some() { 200 } else { 401 }, told)
        }),
        Route::get("/never", |_| std::future::pending()),
    ]
}

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start(max_requests: u64, acts: &[(Kind, &'static exporter_core::Collector, Act)]) -> Self {
        let instance = |name: &str| {
            let mut specs: Vec<_> =
                acts.iter().map(|(kind, collector, act)| source(*kind, collector, *act).0).collect();
            specs[0] = routes().into_iter().fold(specs[0].clone(), SourceSpec::with_route);
            Arc::new(Instance::new(
                &EXPORTER,
                name.to_owned(),
                format!("/test/{name}/metrics"),
                registry(specs),
            ))
        };
        let options = AppOptions {
            program: "test-exporter",
            own_path: Some("/metrics".to_owned()),
            own_metrics: true,
            max_requests,
            family_cap: 1000,
            lifecycle: false,
        };
        let app = Arc::new(App::new(options, vec![instance("a"), instance("b")]));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            run(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve(app, vec![listener], async { drop(stopped.await) }).await;
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send("GET", path, headers)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = http::request(method, &self.address.to_string(), path, headers, b"");
        let limit = Duration::from_secs(10);
        http::Connection::open(&self.address.to_string(), limit).unwrap().send(&request, limit).unwrap()
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(std::thread::JoinHandle::join).transpose().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

fn good() -> Server {
    Server::start(0, &[(Kind::Blocking, &GOOD, Act::Value)])
}

#[test]
fn a_page_has_its_type() {
    let server = good();
    let response = server.get("/test/a/metrics", &[]);
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
    );
    let page = response.text();
    assert!(page.contains("test_value{source=\"good\"} 1\n"), "{page}");
    assert!(page.contains("test_exporter_build_info{"), "{page}");
    assert!(!page.contains("process_"), "an instance's page holds nothing of the process");

    let openmetrics =
        server.get("/test/a/metrics", &[("accept", "application/openmetrics-text;version=1.0.0")]);
    assert!(openmetrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(openmetrics.text().ends_with("# EOF\n"));
}

#[test]
fn gzip_is_what_it_says() {
    let server = good();
    let plain = server.get("/test/a/metrics", &[]).body.len();
    let response = server.get("/test/a/metrics", &[("accept-encoding", "gzip")]);
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert!(response.body.starts_with(&[0x1f, 0x8b]) && response.body.len() < plain);
}

#[test]
fn paths_and_methods() {
    let server = good();
    assert_eq!(server.get("/nothing", &[]).status, 404);
    let response = server.send("POST", "/test/a/metrics", &[]);
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")));
    for path in ["/", "/sd", "/metrics", "/test/b/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(server.get(path, &[]).status, 200, "{path}");
    }
    let own = server.get("/metrics", &[]).text();
    for name in ["process_cpu_seconds_total", "promhttp_metric_handler_requests_total{code=\"200\"}"] {
        assert!(own.contains(&format!("\n{name} ")), "{name} in {own}");
    }
    assert!(server.get("/sd", &[]).text().contains("\"instance\":\"b\""));
}

#[test]
fn head_is_get_without_a_body() {
    let server = good();
    let get = server.get("/-/healthy", &[]);
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"HEAD /-/healthy HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!("content-length: {}\r\n", get.body.len())), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn filters_that_cannot_be_met_are_400() {
    let server = good();
    for query in ["collect[]=nope", "collect[]=good&collect[]=nope", "collect[]=good&exclude[]=good"] {
        let response = server.get(&format!("/test/a/metrics?{query}"), &[]);
        assert_eq!(response.status, 400, "{query}");
        assert_eq!(response.text().lines().count(), 1);
    }
    assert_eq!(server.get("/test/a/metrics?exclude[]=nope", &[]).status, 200);
}

#[test]
fn the_deadline_is_the_scrapers() {
    let server = Server::start(
        0,
        &[(Kind::Blocking, &GOOD, Act::Value), (Kind::Async, &BAD, Act::Slow(Duration::from_secs(30)))],
    );
    let started = Instant::now();
    let response = server.get("/test/a/metrics", &[("x-prometheus-scrape-timeout-seconds", "1")]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(response.status, 200);
    assert!(response.text().contains("test_scrape_collector_success{collector=\"bad\"} 0"));
    assert!(response.text().contains("test_value{source=\"good\"} 1"));
}

/// The statuses of scrapes with these queries, all at once.
fn at_once(server: &Server, queries: &[&str]) -> Vec<u16> {
    std::thread::scope(|scope| {
        let scrape = |query: &&str| {
            let path = format!("/test/a/metrics?{query}");
            scope.spawn(move || server.get(&path, &[]).status)
        };
        let scrapes: Vec<_> = queries.iter().map(scrape).collect();
        scrapes.into_iter().map(|scrape| scrape.join().unwrap()).collect()
    })
}

#[test]
fn one_page_more_than_allowed_gets_503() {
    let server = Server::start(1, &[(Kind::Async, &BAD, Act::Slow(Duration::from_millis(500)))]);
    let statuses = at_once(&server, &["name[]=a", "name[]=b", "name[]=c"]);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 2, "{statuses:?}");
    let own = server.get("/metrics", &[]).text();
    assert!(own.contains("promhttp_metric_handler_requests_total{code=\"503\"} 2"), "{own}");
}

#[test]
fn those_who_want_the_same_page_count_once() {
    let server = Server::start(1, &[(Kind::Async, &BAD, Act::Slow(Duration::from_millis(500)))]);
    assert_eq!(at_once(&server, &["name[]=a"; 20]), [200; 20]);
    assert_eq!(at_once(&server, &["name[]=b"]), [200], "nobody is left behind");
}

#[test]
fn oversized_heads_and_garbage_are_refused_and_others_served() {
    let server = good();
    let long = "x".repeat(64 * 1024);
    let response = server.get("/-/healthy", &[("x-long", &long)]);
    assert_eq!(response.status, 431);
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut stream, b"\x16\x03\x01\x02\x00garbage\r\n\r\n").unwrap();
    assert_eq!(server.get("/-/healthy", &[]).status, 200);
}

#[test]
fn stopping_finishes_what_is_under_way() {
    let mut server = Server::start(0, &[(Kind::Async, &BAD, Act::Slow(Duration::from_millis(400)))]);
    let response = std::thread::scope(|scope| {
        let address = server.address.to_string();
        let scrape =
            scope.spawn(move || http::get(&format!("http://{address}/test/a/metrics"), &[]).unwrap());
        std::thread::sleep(Duration::from_millis(150));
        server.stop();
        scrape.join().unwrap()
    });
    assert_eq!(response.status, 200);
    assert!(std::net::TcpStream::connect(server.address).is_err(), "no longer listening");
}

#[test]
fn an_exporters_own_paths() {
    let server = good();
    let found = server.get("/test/a/found", &[]);
    assert_eq!((found.status, found.header("content-type")), (200, Some("application/json")));
    assert_eq!(found.text(), "[]");
    let told = |path: &str, headers: &[(&str, &str)]| {
        let response = server.send("POST", path, headers);
        (response.status, response.text())
    };
    assert_eq!(
        told("/test/b/told/a%20b+c%26?code=3%25", &[("authorization", "Bearer t")]),
        (200, "a b+c& Some(\"3%\") Some(\"t\")".to_owned())
    );
    assert_eq!(told("/test/b/told/x", &[]), (401, "x None None".to_owned()));
    for (method, path, status, allow) in [
        ("POST", "/test/a/found", 405, Some("GET, HEAD")),
        ("GET", "/test/a/told/x", 405, Some("POST")),
        ("GET", "/test/a/found/more", 404, None),
        ("GET", "/test/a/told/", 404, None),
        ("GET", "/found", 404, None),
    ] {
        let response = server.send(method, path, &[]);
        assert_eq!((response.status, response.header("allow")), (status, allow), "{method} {path}");
    }
    let slow = server.get("/test/a/never", &[("x-prometheus-scrape-timeout-seconds", "0.1")]);
    assert_eq!(slow.status, 504);
}

#[test]
fn the_landing_page_tells_how_each_collector_fared() {
    let server = Server::start(
        0,
        &[(Kind::Blocking, &GOOD, Act::Value), (Kind::Blocking, &BAD, Act::FailAfterCommit)],
    );
    assert!(server.get("/", &[]).text().contains("not scraped yet"));
    server.get("/test/a/metrics", &[]);
    let page = server.get("/", &[]).text();
    for expected in
        ["1 of 2 collectors fail, test_up is 0<", "target says no", "/test/a/metrics", "text/html"]
    {
        let found = page.contains(expected)
            || server.get("/", &[]).header("content-type").unwrap().contains(expected);
        assert!(found, "{expected} in {page}");
    }
}

#[test]
fn the_landing_page_tells_of_a_target_that_is_down() {
    let server = Server::start(0, &[(Kind::Async, &GOOD, Act::Value), (Kind::Blocking, &OTHER, Act::Down)]);
    server.get("/test/a/metrics", &[]);
    let page = server.get("/", &[]).text();
    assert!(
        page.contains("<span class=\"badge bad\">2 of 2 collectors have data, test_up is 0</span>"),
        "{page}"
    );
    assert_eq!(page.matches("<span class=\"dot bad\"></span>test_up is 0<").count(), 1, "{page}");
    assert_eq!(page.matches("<span class=\"dot ok\"></span>ok<").count(), 1, "{page}");
}

//! The limits of the server, each tried by real clients against a process of its own: its memory stays small, a normal
//! scraper is served meanwhile, and nothing is left behind. `--nocapture` shows the table.

use super::pki::Pki;
use super::program::{LIMIT, Scraper, Weather};
use exporter_testkit::http;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// kB by which the server's memory may grow. A release build starts at less than 5 MB and so stays below 15; a debug
/// build starts at 10.
const GROWTH: u64 = 10 * 1024;
/// A page of about 65 kB, as large as a small host's.
const SERIES: usize = 1400;
const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";

/// Does `harm` while a scraper comes again and again; then looks at what is left.
fn bounded(what: &str, server: &Weather, harm: impl FnOnce(&Weather)) {
    bounded_for(what, server, || drop(server.scrape(&[]).unwrap().expect_status(200).unwrap()), harm);
}

/// With a scraper of one's own.
fn bounded_for(what: &str, server: &Weather, scrape: impl Fn() + Send + Sync, harm: impl FnOnce(&Weather)) {
    for _ in 0..20 {
        scrape();
    }
    let (before, idle) = (server.held(), server.resident());
    let (served, longest) = std::thread::scope(|scope| {
        let scraper = Scraper::start(scope, &scrape);
        harm(server);
        scraper.stop()
    });
    server.settles(before);
    scrape();
    let (peak, after) = (server.peak(), server.resident());
    eprintln!(
        "{what}: {idle} kB before, {peak} kB at most, {after} kB after; a scraper was served {served} times, \
         at most after {longest:?}"
    );
    assert!(peak - idle < GROWTH, "{what}: from {idle} to {peak} kB");
    assert!(longest < Duration::from_secs(5), "{what}: a scraper waited {longest:?}");
}

/// Reads until the server closes; an error is an end as well.
fn drained(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    all
}

/// Answers in these bytes.
fn answers(bytes: &[u8], status: &str) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.matches(&format!("HTTP/1.1 {status}")).count()
}

#[test]
fn slow_heads() {
    bounded("50 heads, a byte a second", &Weather::start(SERIES), |server| {
        let start = Instant::now();
        let mut streams: Vec<_> = (0..50).map(|_| server.connect()).collect();
        while !streams.is_empty() {
            assert!(start.elapsed() < Duration::from_secs(20), "{} are still open", streams.len());
            streams.retain_mut(|stream| {
                stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let closed = stream.read(&mut [0]).is_ok() || stream.write_all(b"x").is_err();
                !closed
            });
            std::thread::sleep(Duration::from_secs(1));
        }
        assert!(start.elapsed() > Duration::from_secs(8), "closed before their time: {:?}", start.elapsed());
    });
}

/// Over a Unix socket, whose buffer is small: TCP's takes a megabyte on loopback, before the server notices anything.
#[test]
fn slow_readers() {
    let server = Weather::start_with(8 * SERIES, |dir, command| {
        command.arg(format!("--web.listen-address=unix:{}", dir.path().join("socket").display()));
    });
    bounded("200 readers who do not read 500 kB", &server, |server| {
        let start = Instant::now();
        let connect = || {
            let mut stream = UnixStream::connect(server.dir.path().join("socket")).unwrap();
            stream.write_all(GET).unwrap();
            stream
        };
        let streams: Vec<_> = (0..200).map(|_| connect()).collect();
        // None of them has it all; each is closed.
        for stream in &streams {
            wait_closed(stream, start + Duration::from_secs(60));
        }
    });
}

/// Waits for the kernel's word that the other side is gone, without reading.
fn wait_closed(stream: &UnixStream, end: Instant) {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
        let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        poll(&mut fds, Some(&timeout)).unwrap();
        if fds[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR) {
            return;
        }
        assert!(Instant::now() < end, "still open");
    }
}

#[test]
fn ten_thousand_idle_connections() {
    bounded("10,000 idle connections", &Weather::start(SERIES), |server| {
        let mut open = Vec::new();
        for at in 0..10_000 {
            let mut stream = server.connect();
            // Every other one has asked once, and holds its connection for the next time.
            if at % 2 == 0 {
                stream.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            }
            open.push(stream);
            // The client has a limit of files, too.
            if open.len() > 4000 {
                open.drain(..2000);
            }
        }
        let own = server.scrape(&[]).unwrap().text();
        let evicted =
            own.lines().find_map(|line| line.strip_prefix("exporter_http_connections_evicted_total "));
        assert!(evicted.unwrap().parse::<f64>().unwrap() > 5000.0, "{evicted:?}");
    });
}

#[test]
fn two_hundred_scrapes_at_once() {
    bounded("200 scrapes at once, five times", &Weather::start(SERIES), |server| {
        for _ in 0..5 {
            let mut streams: Vec<_> = (0..200).map(|_| server.connect()).collect();
            streams.iter_mut().for_each(|stream| stream.write_all(GET).unwrap());
            for stream in &mut streams {
                let mut start = [0; 12];
                stream.read_exact(&mut start).unwrap();
                assert_eq!(&start, b"HTTP/1.1 200");
            }
        }
    });
}

#[test]
fn a_head_of_a_megabyte() {
    bounded("1 MB heads, 50 of them", &Weather::start(SERIES), |server| {
        let head = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'x'; 1 << 20], b"\r\n\r\n".to_vec()].concat();
        for _ in 0..50 {
            let mut stream = server.connect();
            // The server may close before it has all.
            let _ = stream.write_all(&head);
            let _ = drained(&mut stream);
        }
        let many = "x: y\r\n".repeat(500);
        let mut stream = server.connect();
        let _ = stream.write_all(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes());
        assert_eq!(answers(&drained(&mut stream), "431"), 1);
    });
}

#[test]
fn pipelined_requests() {
    bounded("20 x 500 pipelined requests", &Weather::start(SERIES), |server| {
        for _ in 0..20 {
            let mut stream = server.connect();
            let mut requests = b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n".repeat(499);
            requests.extend(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let mut writer = stream.try_clone().unwrap();
            let writing = std::thread::spawn(move || writer.write_all(&requests));
            assert_eq!(answers(&drained(&mut stream), "200"), 500);
            writing.join().unwrap().unwrap();
        }
    });
}

#[test]
fn garbage() {
    bounded("garbage", &Weather::start(SERIES), |server| {
        // A fixed sequence, so that a failure comes again.
        let mut state = 1_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        for at in 0..200 {
            let bytes: Vec<u8> = (0..at * 20).map(|_| byte()).collect();
            let mut stream = server.connect();
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = drained(&mut stream);
        }
        for bad in
            ["GET / HTTP/9.9\r\n\r\n", "\0\0\0\r\n\r\n", "GET  /\r\n\r\n", "GET / HTTP/1.1\r\nx\r\n\r\n"]
        {
            let mut stream = server.connect();
            stream.write_all(bad.as_bytes()).unwrap();
            let answer = drained(&mut stream);
            assert!(answer.is_empty() || answers(&answer, "400") == 1, "{bad:?}");
        }
    });
}

#[test]
fn http_1_0_and_bodies() {
    bounded("HTTP/1.0, and requests with bodies", &Weather::start(SERIES), |server| {
        for _ in 0..100 {
            let mut stream = server.connect();
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            let answer = String::from_utf8(drained(&mut stream)).unwrap();
            assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
            assert!(answer.contains("weather_temperature_celsius{station=\"station7\"} 7.5\n"));
            let mut stream = server.connect();
            let _ =
                stream.write_all(b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 900000000\r\n\r\n");
            let _ = stream.write_all(&[0; 100_000]);
            assert_eq!(answers(&drained(&mut stream), "405"), 1);
        }
    });
}

#[test]
fn tls_garbage() {
    let pki = Pki::new();
    let server = Weather::start_with(SERIES, |dir, command| {
        pki.write(dir);
        let text = "tls_server_config: {cert_file: server.crt, key_file: server.key}";
        command.arg(format!("--web.config.file={}", dir.write("web.yml", text).unwrap().display()));
    });
    let scrape = || assert_eq!(pki.get(&server, None, "").unwrap().0, 200);
    bounded_for("TLS garbage, 300 handshakes begun and not ended", &server, scrape, |server| {
        let mut silent = Vec::new();
        for at in 0..600_usize {
            let mut stream = server.connect();
            let hello = [b"\x16\x03\x01\x00\xff\x01".to_vec(), vec![at as u8; at]].concat();
            let plain = at % 4 == 0;
            stream.write_all(if plain { GET } else { &hello[..hello.len().min(6 + at)] }).unwrap();
            if at % 2 == 1 {
                silent.push(stream);
                continue;
            }
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let answer = drained(&mut stream);
            assert!(!plain || answers(&answer, "400") == 1, "{answer:?}");
        }
    });
}

fn password_file(dir: &exporter_testkit::fixture::TempDir) -> String {
    let hash = bcrypt::hash("wonderland", 5).unwrap();
    let path = dir.write("web.yml", format!("basic_auth_users: {{alice: {hash}}}")).unwrap();
    format!("--web.config.file={}", path.display())
}

#[test]
fn a_thousand_wrong_passwords() {
    let server = Weather::start_with(SERIES, |dir, command| {
        command.arg(password_file(dir));
    });
    // alice:wonderland
    let known = [("authorization", "Basic YWxpY2U6d29uZGVybGFuZA==")];
    let scrape = || drop(server.scrape(&known).unwrap().expect_status(200).unwrap());
    bounded_for("1,000 wrong passwords", &server, scrape, |server| {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..50)
                .map(|client| {
                    scope.spawn(move || {
                        let mut connection = http::Connection::open(&server.port.address(), LIMIT).unwrap();
                        let attempt = |attempt| {
                            let login = format!("Basic {}", base64(&format!("alice:{client}-{attempt}")));
                            let headers = [("authorization", login.as_str())];
                            let request = http::request("GET", "x", "/metrics", &headers, b"");
                            connection.send(&request, LIMIT).unwrap().status
                        };
                        (0..20).map(attempt).collect::<Vec<_>>()
                    })
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        assert_eq!(statuses.len(), 1000);
        assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
        assert!(statuses.contains(&401));
    });
    let own = server.scrape(&known).unwrap().text();
    assert!(own.contains("exporter_http_requests_refused_total{reason=\"password\"} "), "{own}");
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

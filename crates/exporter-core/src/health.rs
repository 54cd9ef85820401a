//! The `health` subcommand: a health check for containers without a shell.
//!
//! It asks whether the server is alive, not whether it likes us: one that wants a password or TLS has answered. So a
//! health check needs neither a password nor a certificate.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(3);
/// First byte of a TLS alert: what a server that speaks TLS has for one who does not.
const ALERT: u8 = 0x15;

/// Asks `http://HOST:PORT/PATH`, `https://...` or `unix:/SOCKET`.
pub(crate) fn check(url: &str) -> Result<String, String> {
    let failed = |what: &str| format!("{url}: {what}");
    let told = |error: std::io::Error| failed(&error.to_string());
    if let Some(socket) = url.strip_prefix("unix:") {
        let stream = UnixStream::connect(socket).map_err(told)?;
        let limits = stream.set_read_timeout(Some(TIMEOUT)).and(stream.set_write_timeout(Some(TIMEOUT)));
        let answer = limits.and_then(|()| ask(stream, "localhost", "/-/healthy")).map_err(told)?;
        // A path does not say whether TLS is spoken there; either answer is one.
        let answered = verdict(&answer, false).or_else(|what| verdict(&answer, true).map_err(|_| what));
        return answered.map_err(|what| failed(&what));
    }
    let (tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return Err(failed("only http://, https:// and unix: are asked")),
    };
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let resolved = address.to_socket_addrs().map_err(told)?.next().ok_or_else(|| failed("no address"))?;
    let connect = || -> std::io::Result<Vec<u8>> {
        let stream = TcpStream::connect_timeout(&resolved, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        ask(stream, address, path)
    };
    let answer = connect().map_err(told)?;
    verdict(&answer, tls).map_err(|what| failed(&what))
}

fn ask(mut stream: impl Read + Write, host: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    // In one piece: a server that speaks TLS answers the first one and closes.
    stream.write_all(request.as_bytes())?;
    let mut head = vec![0; 256];
    let length = stream.read(&mut head)?;
    head.truncate(length);
    Ok(head)
}

/// Plain words on a TLS port are answered by 400 or an alert.
fn verdict(answer: &[u8], tls: bool) -> Result<String, String> {
    let alive = Ok("healthy\n".to_owned());
    if tls && answer.first() == Some(&ALERT) {
        return alive;
    }
    let head = String::from_utf8_lossy(answer);
    let line = head.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("400") if tls => alive,
        // Wants a password, or has been asked too often: alive.
        Some("200" | "401" | "429") if !tls => alive,
        Some("200" | "401" | "429") => Err("it does not speak TLS: ask by http://".to_owned()),
        Some("400") => Err(format!("answered {line:?}; where TLS is on, ask by https://")),
        _ => Err(format!("answered {line:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_or_not() {
        for (answer, tls, alive) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], false, true),
            (b"HTTP/1.1 401 Unauthorized\r\n", false, true),
            (b"HTTP/1.1 429 Too Many Requests\r\n", false, true),
            (b"HTTP/1.1 503 Service Unavailable\r\n", false, false),
            (b"HTTP/1.1 400 Bad Request\r\n", false, false),
            (b"HTTP/1.1 400 Bad Request\r\n", true, true),
            (b"\x15\x03\x03\x00\x02\x02\x46", true, true),
            (b"\x15\x03\x03\x00\x02\x02\x46", false, false),
            (b"HTTP/1.1 200 OK\r\n", true, false),
            (b"", false, false),
            (b"", true, false),
        ] {
            assert_eq!(verdict(answer, tls).is_ok(), alive, "{answer:?} {tls}");
        }
    }
}

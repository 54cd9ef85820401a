//! The `health` subcommand: a health check for containers without a shell.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks `url` (plain HTTP) and succeeds when the answer is 200.
pub(crate) fn check(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url}: only http:// URLs are asked"))?;
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let failed = |what: &str| format!("{url}: {what}");
    let resolved = address.to_socket_addrs().map_err(|error| failed(&error.to_string()))?.next();
    let resolved = resolved.ok_or_else(|| failed("no address"))?;
    let status = ask(&resolved, address, path).map_err(|error| failed(&error.to_string()))?;
    match status.split(' ').nth(1) {
        Some("200") => Ok("healthy\n".to_owned()),
        _ => Err(failed(&format!("answered {status:?}"))),
    }
}

fn ask(address: &std::net::SocketAddr, host: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 256];
    let length = stream.read(&mut head)?;
    let head = String::from_utf8_lossy(&head[..length]);
    Ok(head.lines().next().unwrap_or_default().to_owned())
}

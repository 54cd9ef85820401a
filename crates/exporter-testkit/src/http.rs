//! A small blocking HTTP/1.1 client with a deadline. Bodies come as they were sent: gzip stays gzip.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::{Error, Result};

const LIMIT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in order; names as sent.
    pub headers: Vec<(String, String)>,
    /// Body without transfer encoding, still with content encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// First header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// This answer if it has that status, else an error that quotes its body.
    pub fn expect_status(self, status: u16) -> Result<Response> {
        if self.status == status {
            return Ok(self);
        }
        let body: String = self.text().chars().take(500).collect();
        Err(Error::new(format!("status {} instead of {status}: {body}", self.status)))
    }
}

/// GET, on a connection of its own.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Result<Response> {
    send("GET", url, headers, b"", LIMIT)
}

/// POST, on a connection of its own.
pub fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
    send("POST", url, headers, body, LIMIT)
}

/// Any request, on a connection of its own.
pub fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    limit: Duration,
) -> Result<Response> {
    let (address, path) = split(url)?;
    let headers = [headers, &[("Connection", "close")]].concat();
    let request = request(method, address, path, &headers, body);
    Connection::open(address, limit)
        .and_then(|mut connection| connection.send(&request, limit))
        .map_err(Error::context(format!("{method} {url}")))
}

/// `http://HOST:PORT/PATH` as address and path.
pub fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://").ok_or_else(|| Error::new(format!("{url}: only http:// here")))?;
    Ok(rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash)))
}

/// The bytes of a request, for [`Connection::send`].
pub fn request(method: &str, host: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    [head.as_bytes(), body].concat()
}

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `HOST:PORT`; without a port, 80.
    pub fn open(address: &str, limit: Duration) -> Result<Connection> {
        let full = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        let target =
            full.to_socket_addrs()?.next().ok_or_else(|| Error::new(format!("{full} has no address")))?;
        let stream = TcpStream::connect_timeout(&target, limit)
            .map_err(Error::context(format!("connect to {full}")))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    /// Sends these bytes, which must be one request, and reads the answer.
    pub fn send(&mut self, request: &[u8], limit: Duration) -> Result<Response> {
        let end = Instant::now() + limit;
        self.stream.set_write_timeout(Some(limit))?;
        // A server may answer and close before it has read all of a request it refuses; its answer counts.
        let written = self.stream.write_all(request);
        let (status, headers) = match self.head(end) {
            Ok(head) => head,
            Err(error) => return Err(written.err().map_or(error, Error::from)),
        };
        let find =
            |wanted: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(wanted)).map(|(_, v)| v);
        let body = if request.starts_with(b"HEAD ") || matches!(status, 100..200 | 204 | 304) {
            Vec::new()
        } else if find("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            self.chunks(end)?
        } else if let Some(length) = find("content-length") {
            let length = length.parse().map_err(Error::context(format!("Content-Length {length:?}")))?;
            self.take(length, end)?
        } else {
            while self.more(end)? {}
            std::mem::take(&mut self.buffer)
        };
        Ok(Response { status, headers, body })
    }

    fn head(&mut self, end: Instant) -> Result<(u16, Vec<(String, String)>)> {
        let status_line = self.line(end)?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| Error::new(format!("not an HTTP answer: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line(end)?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| Error::new(format!("not a header: {line:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self, end: Instant) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(end)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(digits, 16).map_err(Error::context(format!("chunk size {line:?}")))?;
            if size == 0 {
                while !self.line(end)?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size, end)?);
            self.line(end)?;
        }
    }

    fn line(&mut self, end: Instant) -> Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            self.must_read(end)?;
        }
    }

    fn take(&mut self, length: usize, end: Instant) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.must_read(end)?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn must_read(&mut self, end: Instant) -> Result {
        if self.more(end)? { Ok(()) } else { Err(Error::new("the server closed the connection too early")) }
    }

    fn more(&mut self, end: Instant) -> Result<bool> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new("no complete answer before the deadline"));
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(length) => {
                self.buffer.extend_from_slice(&chunk[..length]);
                Ok(length > 0)
            }
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                Err(Error::new("no complete answer before the deadline"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

//! A web hook's other end: takes POSTs and keeps their bodies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::{Error, Result, wait};

/// Longest a client may take for its request: a test's end never waits for a silent connection longer than this.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// One POST that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path it was sent to, so that one sink can serve several receivers.
    pub path: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// A server on a port of its own that answers every POST with 200 and keeps it.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    /// Starts it on loopback, on a port the system picks: nobody needs to know it beforehand.
    pub fn start() -> Result<Sink> {
        Sink::start_at("127.0.0.1")
    }

    /// The same on another address of this machine, where containers reach it.
    pub fn start_at(address: &str) -> Result<Sink> {
        let listener = TcpListener::bind((address, 0)).map_err(Error::context(address))?;
        let (address, received) = (listener.local_addr()?, Arc::default());
        let ending = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (received, ending) = (Arc::clone(&received), Arc::clone(&ending));
            move || {
                for stream in listener.incoming() {
                    if ending.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that breaks off sent nothing a test could look at; the test's own wait tells.
                    let _ = stream.map_err(Error::from).and_then(|s| answer(s, &received));
                }
            }
        });
        Ok(Sink { address, received, ending, thread: Some(thread) })
    }

    /// `http://ADDRESS:PORT/PATH`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    /// Everything so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a POST that `wanted` accepts.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Received) -> bool,
    ) -> Result<Received> {
        wait::until(what, limit, || {
            let all = self.received();
            let paths: Vec<&str> = all.iter().map(|r| r.path.as_str()).collect();
            let found = all.iter().find(|received| wanted(received)).cloned();
            found.ok_or_else(|| Error::new(format!("{} other posts, to {paths:?}", all.len())))
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes the accept loop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(stream: TcpStream, received: &Mutex<Vec<Received>>) -> Result {
    stream.set_read_timeout(Some(READ_LIMIT))?;
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(Error::context("Content-Length"))?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    if words.next() == Some("POST") {
        let path = words.next().unwrap_or_default().to_owned();
        received.lock().unwrap_or_else(PoisonError::into_inner).push(Received { path, body });
    }
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn keeps_what_is_posted() {
        let sink = Sink::start().unwrap();
        http::post(&sink.url("/page"), &[], br#"{"alerts":[]}"#).unwrap().expect_status(200).unwrap();
        http::get(&sink.url("page"), &[]).unwrap().expect_status(200).unwrap();
        let got = sink.wait_for("a page", wait::LONG, |r| r.path == "/page").unwrap();
        assert!(got.json().unwrap()["alerts"].is_array());
        assert_eq!(sink.received().len(), 1);
    }

    #[test]
    fn waiting_in_vain_says_what_came() {
        let sink = Sink::start().unwrap();
        http::post(&sink.url("/other"), &[], b"{}").unwrap();
        let text = sink.wait_for("a page", Duration::ZERO, |r| r.path == "/page").unwrap_err().to_string();
        assert!(text.contains("a page") && text.contains("/other"), "{text}");
    }
}

//! A server that does what servers should not.

use exporter_testkit::Result;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Answers each connection with `behave`, on a thread of its own, until it is dropped.
pub(crate) struct BadServer {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a connection's handler may look at.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    ending: Arc<AtomicBool>,
}

impl Client {
    /// Reads a request's head.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && self.stream.read_exact(&mut byte).is_ok() {
            head.extend(byte);
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says nothing until the client goes or the test ends.
    pub(crate) fn hang(&mut self) {
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(20)));
        let mut byte = [0];
        while !self.ending.load(Ordering::SeqCst) {
            match self.stream.read(&mut byte) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }
}

impl BadServer {
    pub(crate) fn start(behave: impl Fn(&mut Client) + Send + Sync + 'static) -> Result<BadServer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, ending) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let behave = Arc::new(behave);
        let thread = std::thread::spawn({
            let ending = ending.clone();
            move || {
                let mut clients = Vec::new();
                for stream in listener.incoming() {
                    if ending.load(Ordering::SeqCst) {
                        break;
                    }
                    let Ok(stream) = stream else { continue };
                    let (behave, ending) = (behave.clone(), ending.clone());
                    clients.push(std::thread::spawn(move || {
                        let _ = stream.set_nodelay(true);
                        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
                        behave(&mut Client { stream, ending });
                    }));
                }
                for client in clients {
                    let _ = client.join();
                }
            }
        });
        Ok(BadServer { address, ending, thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for BadServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

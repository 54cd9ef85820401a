//! D-Bus over a Unix socket, as much of it as asking systemd takes: calls with string arguments, many in one go.

mod message;

pub(crate) use message::{Reader, Value};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use message::{ERROR, FIXED, Head, METHOD_RETURN, length, write_call};

/// Calls that are under way at once: what fits into the socket's buffer, so that both sides cannot wait to write.
const BATCH: usize = 64;
const PIECE: usize = 16 << 10;
const MAX_AUTH_LINE: usize = 512;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("D-Bus socket {path}")]
    Connect { path: String, source: io::Error },
    #[error("talking over D-Bus")]
    Io(#[from] io::Error),
    #[error("D-Bus refused our user: {0}")]
    Refused(String),
    #[error("D-Bus message that makes no sense")]
    Malformed,
    #[error("D-Bus: {call}: {error}")]
    Answer { call: &'static str, error: String },
}

impl BusError {
    /// Whether there is no socket, so that one was never made.
    pub(crate) fn is_absent(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound};
        matches!(self, BusError::Connect { source, .. } if matches!(source.kind(), NotFound | NotADirectory))
    }

    /// Whether nobody was reached there.
    pub(crate) fn is_connect(&self) -> bool {
        matches!(self, BusError::Connect { .. })
    }

    /// Whether the connection is gone, rather than the question bad.
    pub(crate) fn is_io(&self) -> bool {
        matches!(self, BusError::Io(_))
    }
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'static str,
    pub(crate) arguments: &'a [&'a str],
}

/// A body, or the name of an error.
pub(crate) type Answer<'a> = Result<&'a [u8], &'a str>;

/// A connection to one peer, through a bus or without.
#[derive(Debug)]
pub(crate) struct Bus {
    stream: UnixStream,
    destination: &'static str,
    serial: u32,
    out: Vec<u8>,
    message: Vec<u8>,
    input: Vec<u8>,
    /// What of `input` is not read yet.
    unread: Range<usize>,
}

impl Bus {
    /// Connects and introduces ourselves by our user id. A `bus` wants to be greeted, a peer that is asked directly not.
    pub(crate) fn connect(
        path: &Path,
        destination: &'static str,
        bus: bool,
        deadline: Instant,
    ) -> Result<Self, BusError> {
        let failed = |source| BusError::Connect { path: path.display().to_string(), source };
        let stream = open(path).map_err(failed)?;
        let mut own = Self {
            stream,
            destination,
            serial: 0,
            out: Vec::new(),
            message: Vec::new(),
            input: Vec::new(),
            unread: 0..0,
        };
        own.introduce(deadline)?;
        if bus {
            let hello = Call {
                path: "/org/freedesktop/DBus",
                interface: "org.freedesktop.DBus",
                member: "Hello",
                arguments: &[],
            };
            own.destination = "org.freedesktop.DBus";
            let mut result = Ok(());
            own.ask(&[hello], deadline, |_, answer| {
                result = answer.map(drop).map_err(|error| BusError::Refused(error.to_owned()));
            })?;
            result?;
            own.destination = destination;
        }
        Ok(own)
    }

    /// The handshake, see "Authentication Protocol".
    fn introduce(&mut self, deadline: Instant) -> Result<(), BusError> {
        let user = rustix::process::geteuid().as_raw().to_string();
        let hex: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.write(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes(), deadline)?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() == MAX_AUTH_LINE {
                return Err(BusError::Malformed);
            }
            let mut byte = [0];
            self.read(&mut byte, deadline)?;
            line.push(byte[0]);
        }
        if !line.starts_with(b"OK") {
            return Err(BusError::Refused(String::from_utf8_lossy(line.trim_ascii()).into_owned()));
        }
        self.write(b"BEGIN\r\n", deadline)
    }

    /// Asks all of these and hands each answer, with the number of its call, to `each`.
    pub(crate) fn ask(
        &mut self,
        calls: &[Call<'_>],
        deadline: Instant,
        mut each: impl FnMut(usize, Answer<'_>),
    ) -> Result<(), BusError> {
        for (batch, calls) in calls.chunks(BATCH).enumerate() {
            let first = self.serial.wrapping_add(1).max(1);
            let mut out = std::mem::take(&mut self.out);
            out.clear();
            self.serial = first;
            for (at, call) in calls.iter().enumerate() {
                self.serial = first.wrapping_add(at as u32);
                write_call(call, self.destination, self.serial, &mut out);
            }
            let written = self.write(&out, deadline);
            self.out = out;
            written?;
            let mut open = calls.len();
            while open > 0 {
                let mut message = std::mem::take(&mut self.message);
                self.receive(&mut message, deadline)?;
                self.message = message;
                let Some(head) = Head::parse(&self.message) else { return Err(BusError::Malformed) };
                let at = head.reply_to.wrapping_sub(first) as usize;
                // Signals come unasked.
                if at >= calls.len() || !matches!(head.kind, METHOD_RETURN | ERROR) {
                    continue;
                }
                let body = self.message.get(head.body..).unwrap_or_default();
                each(batch * BATCH + at, if head.kind == ERROR { Err(head.error) } else { Ok(body) });
                open -= 1;
            }
        }
        Ok(())
    }

    /// One question that has to be answered.
    pub(crate) fn one<T>(
        &mut self,
        call: Call<'_>,
        deadline: Instant,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, BusError> {
        let mut parse = Some(parse);
        let mut result = Err(BusError::Malformed);
        self.ask(&[call], deadline, |_, answer| {
            let Some(parse) = parse.take() else { return };
            result = match answer {
                Ok(body) => parse(body).ok_or(BusError::Malformed),
                Err(error) => Err(BusError::Answer { call: call.member, error: error.to_owned() }),
            };
        })?;
        result
    }

    fn receive(&mut self, message: &mut Vec<u8>, deadline: Instant) -> Result<(), BusError> {
        message.resize(FIXED, 0);
        self.read(message, deadline)?;
        let length = length(message).ok_or(BusError::Malformed)?;
        message.resize(length, 0);
        self.read(&mut message[FIXED..], deadline)
    }

    /// Through a buffer: answers are small and come many at once.
    fn read(&mut self, mut buffer: &mut [u8], deadline: Instant) -> Result<(), BusError> {
        while !buffer.is_empty() {
            if self.unread.is_empty() {
                self.input.resize(PIECE, 0);
                self.stream.set_read_timeout(Some(left(deadline)?))?;
                match self.stream.read(&mut self.input) {
                    Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                    Ok(length) => self.unread = 0..length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            let length = buffer.len().min(self.unread.len());
            let from = self.unread.start;
            buffer[..length].copy_from_slice(&self.input[from..from + length]);
            self.unread.start += length;
            buffer = &mut buffer[length..];
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), BusError> {
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        Ok(self.stream.write_all(bytes)?)
    }
}

/// A plain connect would wait for as long as the other side's queue is full.
fn open(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

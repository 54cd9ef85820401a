//! D-Bus over a Unix socket, as much of it as asking systemd takes: calls with string arguments, many in one go, and
//! readers for what comes back. See the D-Bus specification, "Message Protocol".

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Calls that are under way at once: what fits into the socket's buffer, so that both sides cannot wait to write.
const BATCH: usize = 64;
/// A list of ten thousand units is about 3 MB.
const MAX_MESSAGE: usize = 32 << 20;
const PIECE: usize = 16 << 10;
const MAX_AUTH_LINE: usize = 512;

const ENDIAN: u8 = if cfg!(target_endian = "little") { b'l' } else { b'B' };
const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
/// The fixed part of a header, with the length of the fields behind it.
const FIXED: usize = 16;

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
    /// Whether nobody listens there, or never did.
    pub(crate) fn is_absent(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
        matches!(self, BusError::Connect { source, .. }
            if matches!(source.kind(), NotFound | NotADirectory | ConnectionRefused))
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

/// Of the whole message, by its first 16 bytes.
fn length(fixed: &[u8]) -> Option<usize> {
    let number = |at: usize| Some(u32::from_ne_bytes(*fixed.get(at..)?.first_chunk()?) as usize);
    let (body, fields) = (number(4)?, number(12)?);
    let length = (FIXED.checked_add(fields)?).next_multiple_of(8).checked_add(body)?;
    (fixed.first() == Some(&ENDIAN) && length <= MAX_MESSAGE).then_some(length)
}

fn write_call(call: &Call<'_>, destination: &str, serial: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([ENDIAN, METHOD_CALL, 0, 1]);
    // The body's length, once it is known.
    out.extend([0; 4]);
    out.extend(serial.to_ne_bytes());
    out.extend([0; 4]);
    let fields_start = out.len();
    for (code, kind, value) in
        [(1, b'o', call.path), (2, b's', call.interface), (3, b's', call.member), (6, b's', destination)]
    {
        align(out, start, 8);
        out.extend([code, 1, kind, 0]);
        write_string(value, start, out);
    }
    if !call.arguments.is_empty() {
        align(out, start, 8);
        out.extend([8, 1, b'g', 0, call.arguments.len() as u8]);
        out.extend(call.arguments.iter().map(|_| b's'));
        out.push(0);
    }
    let fields = (out.len() - fields_start) as u32;
    align(out, start, 8);
    let body_start = out.len();
    for argument in call.arguments {
        write_string(argument, body_start, out);
    }
    let body = (out.len() - body_start) as u32;
    out[start + 4..start + 8].copy_from_slice(&body.to_ne_bytes());
    out[start + 12..start + 16].copy_from_slice(&fields.to_ne_bytes());
}

fn align(out: &mut Vec<u8>, start: usize, to: usize) {
    out.resize(start + (out.len() - start).next_multiple_of(to), 0);
}

fn write_string(text: &str, start: usize, out: &mut Vec<u8>) {
    align(out, start, 4);
    out.extend((text.len() as u32).to_ne_bytes());
    out.extend(text.as_bytes());
    out.push(0);
}

/// What matters of a message's header.
#[derive(Debug, Eq, PartialEq)]
struct Head<'a> {
    kind: u8,
    reply_to: u32,
    error: &'a str,
    /// Where the body begins.
    body: usize,
}

impl<'a> Head<'a> {
    fn parse(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        let kind = *message.get(1)?;
        reader.at = 12;
        let end = reader.u32()? as usize + FIXED;
        let mut head = Head { kind, reply_to: 0, error: "", body: end.next_multiple_of(8) };
        while reader.at < end {
            reader.align(8);
            let code = reader.u8()?;
            match (reader.signature()?, code) {
                ("u", 5) => head.reply_to = reader.u32()?,
                ("u", _) => drop(reader.u32()?),
                ("s", 4) => head.error = reader.string()?,
                ("s" | "o", _) => drop(reader.string()?),
                ("g", _) => drop(reader.signature()?),
                _ => return None,
            }
        }
        Some(head)
    }
}

/// A property's value, of the types that systemd's have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(u64),
}

/// Walks through a body.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.align(4);
        self.take(4)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
    }

    fn u64(&mut self) -> Option<u64> {
        self.align(8);
        self.take(8)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    }

    /// A string or an object's path.
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        let length = self.u32()? as usize;
        let text = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(text).ok()
    }

    fn signature(&mut self) -> Option<&'a str> {
        let length = self.u8()?;
        let text = self.take(length.into())?;
        self.take(1)?;
        std::str::from_utf8(text).ok()
    }

    /// What `Properties.Get` answers with.
    pub(crate) fn variant(&mut self) -> Option<Value<'a>> {
        Some(match self.signature()? {
            "s" | "o" => Value::Text(self.string()?),
            "u" | "b" => Value::Number(self.u32()?.into()),
            "i" => Value::Number(u64::try_from(self.u32()?.cast_signed()).ok()?),
            "t" => Value::Number(self.u64()?),
            _ => return None,
        })
    }

    /// An array of structures: calls `each` until its end.
    pub(crate) fn structures<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.u32()? as usize;
        self.align(8);
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let mut all = Vec::new();
        while self.at < end {
            self.align(8);
            all.push(each(self)?);
        }
        (self.at == end).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'_> = Call {
        path: "/a",
        interface: "org.freedesktop.DBus.Properties",
        member: "Get",
        arguments: &["org.x", "Version"],
    };

    #[test]
    fn a_call_is_laid_out_as_the_specification_says() {
        let mut out = vec![0xee; 3];
        write_call(&CALL, "org.y", 7, &mut out);
        let message = &out[3..];
        assert_eq!(length(message), Some(message.len()));
        let head = Head::parse(message).unwrap();
        assert_eq!((head.kind, head.body % 8), (METHOD_CALL, 0));
        let mut body = Reader::new(&message[head.body..]);
        assert_eq!((body.string(), body.string(), body.string()), (Some("org.x"), Some("Version"), None));
    }

    #[test]
    fn an_answer_names_the_call_it_belongs_to() {
        let mut out = Vec::new();
        out.extend([ENDIAN, ERROR, 0, 1]);
        out.extend(0_u32.to_ne_bytes());
        out.extend(9_u32.to_ne_bytes());
        out.extend([0; 4]);
        out.extend([5, 1, b'u', 0]);
        out.extend(41_u32.to_ne_bytes());
        out.extend([4, 1, b's', 0]);
        write_string("org.Bad", 0, &mut out);
        let fields = (out.len() - FIXED) as u32;
        out[12..16].copy_from_slice(&fields.to_ne_bytes());
        align(&mut out, 0, 8);
        let head = Head::parse(&out).unwrap();
        assert_eq!((head.kind, head.reply_to, head.error, head.body), (ERROR, 41, "org.Bad", out.len()));
        for cut in 0..fields as usize + FIXED {
            assert!(Head::parse(&out[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut fixed = [ENDIAN, 2, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(length(&fixed), None);
        fixed[4..8].fill(0);
        fixed[12..16].fill(0);
        assert_eq!(length(&fixed), Some(16));
        fixed[0] = b'?';
        assert_eq!(length(&fixed), None);
        assert_eq!(Reader::new(&[0xff; 8]).string(), None);
        assert_eq!(Reader::new(&[8, 0, 0, 0, 0, 0, 0, 0]).structures(|_| Some(())), None);
    }

    #[test]
    fn values_of_properties() {
        let variant = |bytes: &[u8]| Reader::new(bytes).variant().map(|value| format!("{value:?}"));
        let mut text = vec![1, b's', 0, 0];
        write_string("notify", 0, &mut text);
        assert_eq!(variant(&text).unwrap(), "Text(\"notify\")");
        let mut number = vec![1, b't', 0, 0, 0, 0, 0, 0];
        number.extend(u64::MAX.to_ne_bytes());
        assert_eq!(variant(&number).unwrap(), format!("Number({})", u64::MAX));
        assert_eq!(variant(&number[..12]), None);
        assert_eq!(variant(&[2, b'a', b's', 0]), None);
    }
}

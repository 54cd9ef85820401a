//! One connection: a batch of commands out in one piece, their answers back in one buffer.
//!
//! The library logs in and gives most answers their meaning. Reading is our own: by the library each number of LATENCY
//! HISTOGRAM became a value of its own, which was a seventh of a scrape of 165 commands, and nothing bounded an answer.

mod frames;
mod lent;

pub(crate) use frames::{Item, Walk};
pub(crate) use lent::Lent;

use std::ops::Range;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::trouble::{Cause, Trouble};
use frames::{Frames, Malformed};

/// Longest that all answers to a batch may be together.
const LONGEST: usize = 64 << 20;

/// Room that is made for a read at least.
const READ: usize = 16 << 10;

/// A buffer above this is not kept for the next batch.
const KEPT: usize = 256 << 10;

/// What a connection runs over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection on which nothing is under way.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// The buffer of an earlier batch.
    spare: Vec<u8>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// The answers to a batch, as they came.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Answers {
    /// Where each of them is.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Range<usize>> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| begin..*end)
    }
}

/// Appends a command, given by its words, as it goes over the wire.
pub(crate) fn pack(command: &[&[u8]], out: &mut Vec<u8>) {
    let head = |kind: char, number: usize| format!("{kind}{number}\r\n").into_bytes();
    out.extend(head('*', command.len()));
    for word in command {
        out.extend(head('$', word.len()));
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, spare: Vec::new() }
    }

    /// Sends packed commands and reads their answers, so many. After an error, or when it is not waited for to the end,
    /// the connection is of no use any more: answers may still be on their way.
    pub(crate) async fn ask(&mut self, commands: &[u8], count: usize) -> Result<Answers, Trouble> {
        let lost = |_| Trouble::new(Cause::Io, "the server closed the connection");
        self.stream.write_all(commands).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)?;
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        let mut frames = Frames::new(count, LONGEST);
        while !frames.scan(&bytes).map_err(strange)? {
            bytes.reserve(READ);
            if !matches!(self.stream.read_buf(&mut bytes).await, Ok(1..)) {
                return Err(last_words(&bytes));
            }
        }
        Ok(Answers { bytes, ends: frames.into_ends() })
    }

    /// Takes a buffer back that is not needed any more.
    pub(crate) fn give_back(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT {
            self.spare = buffer;
        }
    }
}

fn strange(malformed: Malformed) -> Trouble {
    Trouble::new(Cause::Protocol, malformed.to_string())
}

/// A server that sends somebody away says why, in answer to whatever it was asked.
fn last_words(bytes: &[u8]) -> Trouble {
    if bytes.first() == Some(&b'-')
        && let Ok(redis::Value::ServerError(error)) = redis::parse_redis_value(bytes)
    {
        return Trouble::redis(&error.into());
    }
    Trouble::new(Cause::Io, "the server closed the connection")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_packed_as_the_library_packs_them() {
        let mut packed = Vec::new();
        pack(&[b"SET", b"a\r\n", b""], &mut packed);
        pack(&[b"PING"], &mut packed);
        let mut expected = redis::cmd("SET").arg(b"a\r\n").arg(b"").get_packed_command();
        expected.extend(redis::cmd("PING").get_packed_command());
        assert_eq!(packed, expected);
    }
}

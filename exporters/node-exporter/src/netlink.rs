//! Asking the kernel over netlink: one request, all of its answers; see netlink(7).
//!
//! The messages are taken apart by hand: there are few kinds of them, and one dump replaces hundreds of small files.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netdevice::index_to_name;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use std::time::Duration;

/// The kernel answers at once; only a kernel bug would make us wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kernel sends dumps in pieces no larger than this.
const PIECE: usize = 32 << 10;
const HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// A dump that the kernel says was torn is asked for again this many times, then taken as it is.
const TORN_RETRIES: u32 = 2;

#[derive(Debug, thiserror::Error)]
pub(crate) enum NetlinkError {
    #[error("asking the kernel over netlink")]
    Io(#[from] Errno),
    #[error("netlink: message cut short")]
    Truncated,
}

/// A netlink socket and its buffer.
#[derive(Debug)]
pub(crate) struct Netlink {
    protocol: Option<Protocol>,
    socket: Option<OwnedFd>,
    sequence: u32,
    piece: Vec<u8>,
    answer: Vec<u8>,
}

impl Netlink {
    /// Opened at the first question. No protocol means that of routes and interfaces.
    pub(crate) fn new(protocol: Option<Protocol>) -> Self {
        Self { protocol, socket: None, sequence: 0, piece: Vec::new(), answer: Vec::new() }
    }

    /// Asks for a dump; the answer is a row of messages for [`messages`].
    ///
    /// # Errors
    /// The socket is opened anew at the next question then, so that a late answer cannot be taken for that one's.
    pub(crate) fn dump(&mut self, kind: u16, body: &[u8]) -> Result<&[u8], NetlinkError> {
        let mut answer = std::mem::take(&mut self.answer);
        for _ in 0..=TORN_RETRIES {
            answer.clear();
            if !self.dump_each(kind, body, |piece| answer.extend_from_slice(piece))? {
                break;
            }
        }
        self.answer = answer;
        Ok(&self.answer)
    }

    /// The same piece by piece, for answers that may be long. True if it was torn by a change meanwhile.
    ///
    /// # Errors
    /// As [`Netlink::dump`].
    pub(crate) fn dump_each(
        &mut self,
        kind: u16,
        body: &[u8],
        each: impl FnMut(&[u8]),
    ) -> Result<bool, NetlinkError> {
        let result = self.try_dump(kind, body, each);
        if result.is_err() {
            self.socket = None;
        }
        result
    }

    /// The name of an interface; `None` if it has gone.
    pub(crate) fn interface_name(&self, index: u32) -> Option<String> {
        index_to_name(self.socket.as_ref()?, index).ok()
    }

    fn try_dump(
        &mut self,
        kind: u16,
        body: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<bool, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
        request.extend_from_slice(&kind.to_ne_bytes());
        request.extend_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        request.extend_from_slice(&self.sequence.to_ne_bytes());
        request.extend_from_slice(&0_u32.to_ne_bytes());
        request.extend_from_slice(body);
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => none.insert(open(self.protocol)?),
        };
        send(&*socket, &request, SendFlags::empty())?;
        // Once: what is left of the answer before is overwritten.
        self.piece.resize(PIECE, 0);
        let mut torn = false;
        loop {
            let (_, length) = recv(&*socket, self.piece.as_mut_slice(), RecvFlags::TRUNC)?;
            let piece = self.piece.get(..length).ok_or(NetlinkError::Truncated)?;
            let mut done = false;
            for message in messages(piece) {
                torn |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_DONE => done = true,
                    NLMSG_ERROR => {
                        let code = message.body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                        if code != 0 {
                            return Err(Errno::from_raw_os_error(code.saturating_neg()).into());
                        }
                        done = true;
                    }
                    _ => {}
                }
            }
            each(piece);
            if done {
                return Ok(torn);
            }
        }
    }
}

fn open(protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    Ok(socket)
}

/// One message of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    flags: u16,
    pub(crate) body: &'a [u8],
}

/// The messages in a buffer. Stops at one that is cut short.
pub(crate) fn messages(mut buffer: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(buffer, 0)? as usize;
        let body = buffer.get(HEADER..length)?;
        let message = Message { kind: u16_at(buffer, 4)?, flags: u16_at(buffer, 6)?, body };
        buffer = buffer.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in a message's body, as (kind, value). Stops at one that is cut short.
pub(crate) fn attributes(mut buffer: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Flags in the two highest bits: nested, byte order.
    const KIND: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(buffer, 0)?);
        let value = buffer.get(4..length)?;
        let kind = u16_at(buffer, 2)? & KIND;
        buffer = buffer.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// Making messages as the kernel does.
#[cfg(test)]
pub(crate) mod testing {
    use super::HEADER;

    pub(crate) fn attribute(kind: u16, value: &[u8], out: &mut Vec<u8>) {
        out.extend((value.len() as u16 + 4).to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }

    pub(crate) fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = ((body.len() + HEADER) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(body);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_attributes_are_aligned_and_bounded() {
        let mut attribute = Vec::new();
        testing::attribute(3, b"x", &mut attribute);
        // What fills it up to four bytes may lack at the end.
        let buffer = testing::message(16, &attribute[..5]);
        let message = messages(&buffer).next().unwrap();
        assert_eq!((message.kind, message.body.len()), (16, 5));
        assert_eq!(attributes(message.body).collect::<Vec<_>>(), [(3, b"x".as_slice())]);
        for cut in 0..buffer.len() {
            assert_eq!(messages(&buffer[..cut]).count(), 0);
        }
        // A length that does not reach past its own header ends the walk.
        assert_eq!(messages(&[0; 32]).count(), 0);
        assert_eq!(attributes(&[0; 32]).count(), 0);
    }
}

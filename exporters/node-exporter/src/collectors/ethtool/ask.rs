//! Asking an interface's driver by SIOCETHTOOL; see the kernel's ethtool.h.

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::io;

use crate::linux_calls::{EthtoolAnswer, ethtool};
use crate::netlink::{u8_at, u32_at, u64_at};

const DRIVER: u32 = 0x3;
const NAMES: u32 = 0x1b;
const COUNTS: u32 = 0x1d;
const LINK: u32 = 0x4c;
/// The set of names that belongs to COUNTS.
const COUNTERS: u32 = 1;
/// Where counts, names and the link's modes begin in their answers.
const COUNTS_AT: usize = 8;
const NAMES_AT: usize = 12;
const MODES_AT: usize = 48;
/// Bytes of a name, and of a field of the driver's.
const TEXT: usize = 32;
/// A driver with more has a name for each queue of hundreds; they are left out.
pub(super) const MAX_COUNTERS: usize = 16 << 10;

pub(super) struct Ethtool {
    socket: OwnedFd,
    answer: EthtoolAnswer,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Driver {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) firmware: String,
    pub(super) bus: String,
    pub(super) rom: String,
    pub(super) counters: usize,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Link {
    pub(super) autonegotiation: u8,
    pub(super) supported: Modes,
    pub(super) advertised: Modes,
}

/// A set of link modes: one bit each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Modes(u128);

impl Modes {
    pub(super) fn has(self, bit: u32) -> bool {
        self.0.checked_shr(bit).is_some_and(|bits| bits & 1 == 1)
    }
}

impl Ethtool {
    pub(super) fn new() -> io::Result<Self> {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, answer: EthtoolAnswer::new(MAX_COUNTERS) })
    }

    /// # Errors
    /// The driver does not answer such questions, mostly.
    fn ask(&mut self, interface: &str, question: &[u8]) -> io::Result<&[u8]> {
        ethtool(&self.socket, interface, question, &mut self.answer)
    }

    pub(super) fn driver(&mut self, interface: &str) -> io::Result<Driver> {
        Ok(driver(self.ask(interface, &DRIVER.to_ne_bytes())?))
    }

    pub(super) fn link(&mut self, interface: &str) -> io::Result<Link> {
        // Asked for no words, it says how many there are, as a negative number.
        let question = |words: u8| {
            let mut question = [0; MODES_AT];
            question[..4].copy_from_slice(&LINK.to_ne_bytes());
            question[15] = words;
            question
        };
        let words = self.ask(interface, &question(0))?[15].wrapping_neg();
        Ok(link(self.ask(interface, &question(words))?))
    }

    /// The names of a driver's counters, 32 bytes each.
    pub(super) fn names(&mut self, interface: &str, count: usize) -> io::Result<&[u8]> {
        let question = [NAMES, COUNTERS, count as u32].map(u32::to_ne_bytes).concat();
        let answer = self.ask(interface, &question)?;
        Ok(&answer[NAMES_AT..NAMES_AT + counted(answer, 8, count) * TEXT])
    }

    pub(super) fn counts(&mut self, interface: &str, count: usize) -> io::Result<impl Iterator<Item = u64>> {
        let question = [COUNTS, count as u32].map(u32::to_ne_bytes).concat();
        let answer = self.ask(interface, &question)?;
        let counted = counted(answer, 4, count);
        Ok((0..counted).map_while(|at| u64_at(answer, COUNTS_AT + at * 8)))
    }
}

/// How many a driver gave; it may have other ones by now.
fn counted(answer: &[u8], at: usize, asked: usize) -> usize {
    u32_at(answer, at).map_or(0, |count| count as usize).min(asked).min(MAX_COUNTERS)
}

/// A text that ends at its first zero byte.
pub(super) fn text(field: &[u8]) -> String {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// `struct ethtool_drvinfo`.
fn driver(answer: &[u8]) -> Driver {
    let field = |place: usize| {
        answer.get(4 + place * TEXT..).and_then(|rest| rest.get(..TEXT)).map(text).unwrap_or_default()
    };
    Driver {
        name: field(0),
        version: field(1),
        firmware: field(2),
        bus: field(3),
        rom: field(4),
        counters: u32_at(answer, 180).map_or(0, |count| count as usize),
    }
}

/// `struct ethtool_link_settings`.
fn link(answer: &[u8]) -> Link {
    // Negative where the modes are not there.
    let words = u8_at(answer, 15).filter(|words| *words <= 127).map_or(0, usize::from);
    let modes = |set: usize| {
        let word = |at: usize| u32_at(answer, MODES_AT + (set * words + at) * 4).unwrap_or_default();
        // Modes beyond 128 bits have no names yet.
        Modes((0..words.min(4)).map(|at| u128::from(word(at)) << (32 * at)).sum())
    };
    Link { autonegotiation: u8_at(answer, 11).unwrap_or_default(), supported: modes(0), advertised: modes(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_says_about_itself() {
        let mut answer = vec![0; 196];
        for (place, field) in ["e1000", "1.0", "2.0", "0000:00:03.0", ""].into_iter().enumerate() {
            answer[4 + place * 32..][..field.len()].copy_from_slice(field.as_bytes());
        }
        answer[180..184].copy_from_slice(&12_u32.to_ne_bytes());
        let told = driver(&answer);
        assert_eq!((told.name.as_str(), told.bus.as_str(), told.counters), ("e1000", "0000:00:03.0", 12));
        assert_eq!(driver(&[]).counters, 0);
    }

    #[test]
    fn modes_of_several_words() {
        let mut answer = vec![0; 48 + 2 * 4 * 3];
        answer[11] = 1;
        answer[15] = 2;
        answer[48..52].copy_from_slice(&(1_u32 << 5).to_ne_bytes());
        answer[52..56].copy_from_slice(&(1_u32 << 2).to_ne_bytes());
        answer[56..60].copy_from_slice(&(1_u32 << 6).to_ne_bytes());
        let told = link(&answer);
        assert_eq!(told.autonegotiation, 1);
        let bits = |modes: Modes| (0..140).filter(|bit| modes.has(*bit)).collect::<Vec<_>>();
        assert_eq!((bits(told.supported), bits(told.advertised)), (vec![5, 34], vec![6]));
        for cut in 0..answer.len() {
            link(&answer[..cut]);
        }
    }
}

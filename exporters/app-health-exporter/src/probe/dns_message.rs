//! DNS messages: a question out, an answer in. Pure; RFC 1035.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Types with a name; the number is accepted as TYPE123 too.
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DS", 43),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("TLSA", 52),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("ANY", 255),
    ("CAA", 257),
];
const CLASSES: &[(&str, u16)] = &[("IN", 1), ("CH", 3), ("HS", 4), ("ANY", 255)];
const RCODES: &[(&str, u16)] = &[
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("BADVERS", 16),
];

pub(super) fn type_number(name: &str) -> Option<u16> {
    number(TYPES, name, "TYPE")
}

pub(super) fn class_number(name: &str) -> Option<u16> {
    number(CLASSES, name, "CLASS")
}

pub(super) fn rcode_number(name: &str) -> Option<u16> {
    number(RCODES, name, "RCODE")
}

pub(super) fn rcode_name(rcode: u16) -> String {
    RCODES
        .iter()
        .find(|(_, number)| *number == rcode)
        .map_or(rcode.to_string(), |(name, _)| (*name).to_owned())
}

fn number(table: &[(&str, u16)], name: &str, prefix: &str) -> Option<u16> {
    let name = name.to_ascii_uppercase();
    let named = table.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    named.or_else(|| name.strip_prefix(prefix)?.parse().ok())
}

/// A question, as it goes over UDP.
pub(super) fn question(id: u16, name: &str, kind: u16, class: u16, recursion: bool) -> Option<Vec<u8>> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([u8::from(recursion), 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| *length < 64)?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    if out.len() > 12 + 255 {
        return None;
    }
    out.extend(kind.to_be_bytes());
    out.extend(class.to_be_bytes());
    Some(out)
}

/// An answer. Resource records as text, as `dig` and the peer print them.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) id: u16,
    pub(super) rcode: u16,
    pub(super) answers: Vec<String>,
    pub(super) authorities: Vec<String>,
    pub(super) additionals: Vec<String>,
    /// Of the first SOA record among the answers.
    pub(super) serial: Option<u32>,
}

pub(super) fn parse(message: &[u8]) -> Option<Answer> {
    let mut reader = Reader { message, at: 0 };
    let id = reader.u16()?;
    let flags = reader.u16()?;
    if flags & 0x8000 == 0 {
        return None;
    }
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    for _ in 0..counts[0] {
        reader.name()?;
        reader.skip(4)?;
    }
    let mut answer = Answer { id, rcode: flags & 0xf, ..Answer::default() };
    for _ in 0..counts[1] {
        let record = reader.record(&mut answer.serial)?;
        answer.answers.push(record);
    }
    for (count, section) in counts[2..].iter().zip([&mut answer.authorities, &mut answer.additionals]) {
        for _ in 0..*count {
            section.push(reader.record(&mut None)?);
        }
    }
    Some(answer)
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(bytes)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn name(&mut self) -> Option<String> {
        let mut out = String::new();
        let mut at = self.at;
        let mut end = None;
        // Each jump goes back, so this ends; the bound is for messages that say otherwise.
        for _ in 0..128 {
            match *self.message.get(at)? {
                0 => {
                    self.at = end.unwrap_or(at + 1);
                    return Some(if out.is_empty() { ".".to_owned() } else { out });
                }
                pointer @ 0xc0.. => {
                    end = end.or(Some(at + 2));
                    at = usize::from(pointer & 0x3f) << 8 | usize::from(*self.message.get(at + 1)?);
                }
                length => {
                    let label = self.message.get(at + 1..at + 1 + usize::from(length))?;
                    for &byte in label {
                        match byte {
                            b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b' ' => {
                                out.push('\\');
                                out.push(char::from(byte));
                            }
                            0x21..=0x7e => out.push(char::from(byte)),
                            _ => drop(write!(out, "\\{byte:03}")),
                        }
                    }
                    out.push('.');
                    at += 1 + usize::from(length);
                }
            }
        }
        None
    }

    fn record(&mut self, serial: &mut Option<u32>) -> Option<String> {
        let name = self.name()?;
        let (kind, class, ttl, length) = (self.u16()?, self.u16()?, self.u32()?, self.u16()?);
        let end = self.at.checked_add(usize::from(length)).filter(|end| *end <= self.message.len())?;
        let spelled = |table: &[(&str, u16)], number: u16, prefix: &str| {
            let known = table.iter().find(|(_, own)| *own == number);
            known.map_or_else(|| format!("{prefix}{number}"), |(name, _)| (*name).to_owned())
        };
        let data = match kind {
            41 => format!("udp: {class}"),
            _ => self.data(kind, end, serial)?,
        };
        self.at = end;
        let (class, kind) = (spelled(CLASSES, class, "CLASS"), spelled(TYPES, kind, "TYPE"));
        Some(format!("{name}\t{ttl}\t{class}\t{kind}\t{data}"))
    }

    fn data(&mut self, kind: u16, end: usize, serial: &mut Option<u32>) -> Option<String> {
        Some(match kind {
            1 => Ipv4Addr::from(self.u32()?).to_string(),
            28 => Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)?).ok()?).to_string(),
            2 | 5 | 12 => self.name()?,
            15 => format!("{} {}", self.u16()?, self.name()?),
            33 => format!("{} {} {} {}", self.u16()?, self.u16()?, self.u16()?, self.name()?),
            6 => {
                let (server, mailbox) = (self.name()?, self.name()?);
                let number = self.u32()?;
                serial.get_or_insert(number);
                let rest = [self.u32()?, self.u32()?, self.u32()?, self.u32()?];
                format!("{server} {mailbox} {number} {} {} {} {}", rest[0], rest[1], rest[2], rest[3])
            }
            16 => {
                let mut texts = Vec::new();
                while self.at < end {
                    let length = usize::from(self.u8()?);
                    texts.push(quoted(self.take(length)?));
                }
                texts.join(" ")
            }
            257 => {
                let flag = self.u8()?;
                let length = usize::from(self.u8()?);
                let tag = String::from_utf8_lossy(self.take(length)?).into_owned();
                let value = self.message.get(self.at..end)?;
                format!("{flag} {tag} {}", quoted(value))
            }
            _ => {
                let data = self.message.get(self.at..end)?;
                let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("\\# {} {hex}", data.len())
            }
        })
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "\\{byte:03}")),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question() {
        let bytes = question(0x1234, "a.example.", 1, 1, true).unwrap();
        assert_eq!(bytes, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01");
        assert!(question(0, &"x".repeat(64), 1, 1, true).is_none());
    }

    #[test]
    fn an_answer_with_compression() {
        let mut bytes = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x01a\x07example\0\0\x01\0\x01".to_vec();
        bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\x0a\0\0\x01");
        bytes.extend(b"\xc0\x0e\0\x0f\0\x01\0\0\0\x05\0\x06\0\x0a\x01m\xc0\x0e");
        let answer = parse(&bytes).unwrap();
        assert_eq!(
            answer.answers,
            ["a.example.\t300\tIN\tA\t10.0.0.1", "example.\t5\tIN\tMX\t10 m.example."]
        );
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn a_name_that_points_to_itself_ends() {
        let mut bytes = b"\0\0\x80\0\0\x01\0\0\0\0\0\0".to_vec();
        bytes.extend(b"\xc0\x0c\0\x01\0\x01");
        assert_eq!(parse(&bytes), None);
    }

    proptest::proptest! {
        #[test]
        fn junk_never_panics(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}

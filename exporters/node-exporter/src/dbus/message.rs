//! Messages as bytes: calls are written, answers are read; see the D-Bus specification, "Message Protocol".

use super::Call;

/// A list of ten thousand units is about 3 MB.
const MAX_MESSAGE: usize = 32 << 20;

const ENDIAN: u8 = if cfg!(target_endian = "little") { b'l' } else { b'B' };
const METHOD_CALL: u8 = 1;
pub(super) const METHOD_RETURN: u8 = 2;
pub(super) const ERROR: u8 = 3;
/// Where systemd does not run, a bus would try to start it at each call.
const NO_AUTO_START: u8 = 2;
/// The fixed part of a header, with the length of the fields behind it.
pub(super) const FIXED: usize = 16;

/// Of the whole message, by its first 16 bytes.
pub(super) fn length(fixed: &[u8]) -> Option<usize> {
    let number = |at: usize| Some(u32::from_ne_bytes(*fixed.get(at..)?.first_chunk()?) as usize);
    let (body, fields) = (number(4)?, number(12)?);
    let length = (FIXED.checked_add(fields)?).next_multiple_of(8).checked_add(body)?;
    (fixed.first() == Some(&ENDIAN) && length <= MAX_MESSAGE).then_some(length)
}

pub(super) fn write_call(call: &Call<'_>, destination: &str, serial: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([ENDIAN, METHOD_CALL, NO_AUTO_START, 1]);
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
pub(super) struct Head<'a> {
    pub(super) kind: u8,
    pub(super) reply_to: u32,
    pub(super) error: &'a str,
    /// Where the body begins.
    pub(super) body: usize,
}

impl<'a> Head<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
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

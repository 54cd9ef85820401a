//! XML as servers list with it, read as it arrives: nothing of a page is kept but what its reader keeps.
//!
//! Elements, attributes (skipped), character data, CDATA, comments, references. No document types: they can be bombs.

use std::borrow::Cow;

/// What a document says, in its order. Names come without a namespace's prefix.
pub(crate) trait Events {
    type Error: From<Malformed>;

    fn open(&mut self, name: &str) -> Result<(), Self::Error>;
    /// In pieces where comments or CDATA stand between.
    fn text(&mut self, text: &str) -> Result<(), Self::Error>;
    fn close(&mut self, name: &str) -> Result<(), Self::Error>;
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// One token is no longer, nor are the names of all open elements.
const LONGEST: usize = 64 * 1024;
/// Read at a time, so that what is kept stays small however large the pieces that arrive.
const PIECE: usize = 8 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What has come of a token that is not whole yet.
    kept: Vec<u8>,
    /// Names of open elements, one after the other.
    names: String,
    ends: Vec<usize>,
    has_root: bool,
}

impl Reader {
    pub(crate) fn feed<E: Events>(&mut self, bytes: &[u8], events: &mut E) -> Result<(), E::Error> {
        for piece in bytes.chunks(PIECE) {
            let mut kept = std::mem::take(&mut self.kept);
            kept.extend_from_slice(piece);
            let mut at = 0;
            while let Some(length) = self.token(&kept[at..], events)? {
                at += length;
            }
            if kept.len() - at > LONGEST {
                return Err(Malformed("a name or a text is too long").into());
            }
            kept.drain(..at);
            self.kept = kept;
        }
        Ok(())
    }

    /// To be called when no more comes.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        let is_whole = self.has_root && self.ends.is_empty() && self.kept.iter().all(u8::is_ascii_whitespace);
        if is_whole { Ok(()) } else { Err(Malformed("it ends too early")) }
    }

    /// Reads one token; returns its length, or nothing where it is not whole.
    fn token<E: Events>(&mut self, bytes: &[u8], events: &mut E) -> Result<Option<usize>, E::Error> {
        let Some(first) = bytes.first() else { return Ok(None) };
        if *first != b'<' {
            let Some(length) = position(bytes, b'<') else { return Ok(None) };
            let text = utf8(&bytes[..length])?;
            if !self.ends.is_empty() {
                events.text(&resolved(text)?)?;
            } else if !text.trim_start_matches('\u{feff}').trim().is_empty() {
                return Err(Malformed("text outside of the document").into());
            }
            return Ok(Some(length));
        }
        let until = |start: usize, end: &str| {
            let rest = bytes.get(start..)?;
            rest.windows(end.len()).position(|part| part == end.as_bytes()).map(|at| start + at + end.len())
        };
        if bytes.starts_with(b"<?") {
            return Ok(until(2, "?>"));
        }
        if bytes.starts_with(b"<!") {
            if bytes.starts_with(b"<!--") {
                return Ok(until(4, "-->"));
            }
            const CDATA: &[u8] = b"<![CDATA[";
            if bytes.starts_with(CDATA) {
                let Some(length) = until(CDATA.len(), "]]>") else { return Ok(None) };
                let text = utf8(&bytes[CDATA.len()..length - 3])?;
                if self.ends.is_empty() {
                    return Err(Malformed("text outside of the document").into());
                }
                events.text(text)?;
                return Ok(Some(length));
            }
            let may_become = b"<!--".starts_with(bytes) || CDATA.starts_with(bytes);
            return if may_become { Ok(None) } else { Err(Malformed("a document type").into()) };
        }
        let Some(length) = tag(bytes) else { return Ok(None) };
        self.element(utf8(&bytes[1..length - 1])?, events)?;
        Ok(Some(length))
    }

    /// What stands between `<` and `>`.
    fn element<E: Events>(&mut self, inside: &str, events: &mut E) -> Result<(), E::Error> {
        if let Some(name) = inside.strip_prefix('/') {
            let name = name.trim_end();
            let Some(end) = self.ends.pop() else {
                return Err(Malformed("an element ends that was never begun").into());
            };
            if self.names.get(end..) != Some(name) {
                return Err(Malformed("an element ends inside of another").into());
            }
            self.names.truncate(end);
            return events.close(local(name));
        }
        if self.ends.is_empty() && self.has_root {
            return Err(Malformed("there is more behind the document").into());
        }
        self.has_root = true;
        let (inside, is_empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name = inside.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let is_name = |c: char| c.is_alphanumeric() || "_:.-".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Malformed("an element without a name").into());
        }
        events.open(local(name))?;
        if is_empty {
            return events.close(local(name));
        }
        if self.names.len() + name.len() > LONGEST {
            return Err(Malformed("elements are too deep").into());
        }
        self.ends.push(self.names.len());
        self.names.push_str(name);
        Ok(())
    }
}

/// The length of a tag: `>` may stand in an attribute's value.
fn tag(bytes: &[u8]) -> Option<usize> {
    let first = position(bytes, b'>')?;
    if !bytes[..first].iter().any(|b| matches!(b, b'"' | b'\'')) {
        return Some(first + 1);
    }
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    memchr::memchr(wanted, bytes)
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8"))
}

/// Character data with its references resolved.
fn resolved(text: &str) -> Result<Cow<'_, str>, Malformed> {
    let Some(first) = memchr::memchr(b'&', text.as_bytes()) else { return Ok(Cow::Borrowed(text)) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    for part in text[first + 1..].split('&') {
        let (name, rest) = part.split_once(';').ok_or(Malformed("a reference without an end"))?;
        out.push(reference(name).ok_or(Malformed("an unknown reference"))?);
        out.push_str(rest);
    }
    Ok(Cow::Owned(out))
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |hex| (hex, 16));
            let is_plain = digits.bytes().all(|b| b.is_ascii_alphanumeric());
            // Keys may hold what no XML 1.0 document may: servers write it all the same.
            char::from_u32(u32::from_str_radix(digits, radix).ok().filter(|_| is_plain)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Default)]
    struct Seen(String);

    impl Events for Seen {
        type Error = Malformed;

        fn open(&mut self, name: &str) -> Result<(), Malformed> {
            self.0.push_str(&format!("({name}"));
            Ok(())
        }

        fn text(&mut self, text: &str) -> Result<(), Malformed> {
            self.0.push_str(text);
            Ok(())
        }

        fn close(&mut self, name: &str) -> Result<(), Malformed> {
            self.0.push_str(&format!("{name})"));
            Ok(())
        }
    }

    fn read(text: &[u8], piece: usize) -> Result<String, Malformed> {
        let (mut reader, mut seen) = (Reader::default(), Seen::default());
        for part in text.chunks(piece) {
            reader.feed(part, &mut seen)?;
        }
        reader.end()?;
        Ok(seen.0)
    }

    #[test]
    fn documents() {
        for (text, expected) in [
            ("<a/>", "(aa)"),
            ("\u{feff}<?xml version=\"1.0\"?>\n<a x='>' y=\"/>\" ><b >1 2</b ></a>\n", "(a(b1 2b)a)"),
            ("<s:a><s:b/><!-- > -- <b> --></s:a>", "(a(bb)a)"),
            ("<a>&lt;&amp;&#x1F980;&#38;&#1;&quot;&apos;&gt;</a>", "(a<&🦀&\u{1}\"'>a)"),
            ("<a>x<![CDATA[<&]]]]>y</a>", "(ax<&]]ya)"),
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(read(text.as_bytes(), piece).as_deref(), Ok(expected), "{text} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_none() {
        let long = format!("<a>{}</a>", "x".repeat(LONGEST + PIECE + 1));
        for text in [
            "",
            " ",
            "text",
            "<a>",
            "<a></b>",
            "<a><b></a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>x",
            "<a>&nbsp;</a>",
            "<a>& </a>",
            "<a>&#xD800;</a>",
            "<a>&#+1;</a>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE html>",
            "<>",
            "<a",
            "<a>\u{0}<",
            "< a/>",
        ] {
            for piece in [1, 1000] {
                assert!(read(text.as_bytes(), piece).is_err(), "{text} by {piece}");
            }
        }
        assert!(read(long.as_bytes(), 1000).is_err());
        assert!(read(b"<a>\xff</a>", 3).is_err());
    }

    proptest! {
        /// However it is cut, it says the same; and nothing makes it panic.
        #[test]
        fn pieces_make_no_difference(text in "[<>/ab&;\"'=! \\[\\]CDAT?#x1-]{0,60}", piece in 1_usize..9) {
            prop_assert_eq!(read(text.as_bytes(), piece), read(text.as_bytes(), 1000));
        }

        /// Any key comes through.
        #[test]
        fn keys_come_through(key in "[^\r]*") {
            let escaped = key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(read(format!("<a>{escaped}</a>").as_bytes(), 5), Ok(format!("(a{key}a)")));
        }
    }
}

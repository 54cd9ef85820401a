//! One line of a page and the place reached on it.

use super::error::ParseError;

/// Longer tokens are cut in messages.
const SHOWN: usize = 40;

#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) number: usize,
}

impl<'a> Line<'a> {
    pub(super) fn new(bytes: &'a [u8], number: usize) -> Self {
        Self { bytes, at: 0, number }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Goes past blanks and tabs; whether there was one.
    pub(super) fn blanks(&mut self) -> bool {
        !self.take(|byte| matches!(byte, b' ' | b'\t')).is_empty()
    }

    /// Up to the next blank or tab.
    pub(super) fn token(&mut self) -> &'a [u8] {
        self.take(|byte| !matches!(byte, b' ' | b'\t'))
    }

    /// A name of the classic charset; metric names may hold colons.
    pub(super) fn name(&mut self, colon: bool) -> Option<&'a str> {
        if self.peek()?.is_ascii_digit() {
            return None;
        }
        let name = self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || (colon && byte == b':'));
        std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|&byte| !wanted(byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// "expected … , found …" at the place reached.
    pub(super) fn error(&self, expected: impl std::fmt::Display) -> ParseError {
        let mut rest = *self;
        // The token that stands there, with the blank it may begin with.
        rest.blanks();
        rest.token();
        self.problem(format_args!("expected {expected}, found {}", shown(&self.bytes[self.at..rest.at])))
    }

    /// Any other message at the place reached.
    pub(super) fn problem(&self, message: impl std::fmt::Display) -> ParseError {
        let column = String::from_utf8_lossy(&self.bytes[..self.at]).chars().count() + 1;
        ParseError { line: self.number, column, message: message.to_string() }
    }
}

fn shown(found: &[u8]) -> String {
    if found.is_empty() {
        return "the end of the line".to_owned();
    }
    let text = String::from_utf8_lossy(&found[..found.len().min(4 * SHOWN)]);
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{:?}...", &text[..cut]),
        None => format!("{text:?}"),
    }
}

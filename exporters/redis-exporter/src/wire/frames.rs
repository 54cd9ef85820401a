//! RESP2: where an answer ends, and what is in it. Pure, linear, and what it takes does not depend on what a head claims.

/// Bytes that are no answers, or too many of them.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("what answers does not speak the Redis protocol")]
    Strange,
    #[error("the answers are longer than {} MiB", .0 >> 20)]
    Long(usize),
    #[error("more answers than questions")]
    More,
}

/// A line without an end is none of a server's.
const LONGEST_LINE: usize = 64 << 10;

/// One value, or the head of an array.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Item<'a> {
    Nil,
    Number(i64),
    Text(&'a [u8]),
    /// A line that begins with a minus sign.
    Error(&'a [u8]),
    /// So many values follow.
    Array(usize),
}

impl<'a> Item<'a> {
    /// The value at the begin of `bytes`, and how long it is; nothing if there is more to come.
    fn parse(bytes: &'a [u8], longest: usize) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
        if matches!(kind, b'+' | b'-') {
            let Some(end) = memchr::memchr(b'\n', &rest[..rest.len().min(LONGEST_LINE)]) else {
                return if rest.len() < LONGEST_LINE { Ok(None) } else { Err(Malformed::Strange) };
            };
            let line = rest[..end].strip_suffix(b"\r").ok_or(Malformed::Strange)?;
            let item = if kind == b'+' { Item::Text(line) } else { Item::Error(line) };
            return Ok(Some((item, 1 + end + 1)));
        }
        if !matches!(kind, b':' | b'$' | b'*') {
            return Err(Malformed::Strange);
        }
        let Some((number, length)) = number(rest)? else { return Ok(None) };
        let after = 1 + length;
        let item = match (kind, usize::try_from(number)) {
            (b':', _) => Item::Number(number),
            (_, Err(_)) if number == -1 => Item::Nil,
            (_, Err(_)) => return Err(Malformed::Strange),
            (_, Ok(count)) if count > longest => return Err(Malformed::Long(longest)),
            (b'*', Ok(count)) => Item::Array(count),
            (_, Ok(length)) => {
                let Some((text, close)) = bytes[after..].split_at_checked(length) else { return Ok(None) };
                return match close {
                    [b'\r', b'\n', ..] => Ok(Some((Item::Text(text), after + length + 2))),
                    [] | [b'\r'] => Ok(None),
                    _ => Err(Malformed::Strange),
                };
            }
        };
        Ok(Some((item, after)))
    }

    /// A whole number, as one or as text.
    pub(crate) fn whole(self) -> Option<u64> {
        match self {
            Item::Number(number) => u64::try_from(number).ok(),
            Item::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }
}

/// The number that a line consists of, and the line's length; nothing if there is more to come.
fn number(line: &[u8]) -> Result<Option<(i64, usize)>, Malformed> {
    /// A sign, 19 digits, and what ends the line.
    const LONGEST: usize = 1 + 19 + 1;
    let is_negative = line.first() == Some(&b'-');
    // Below zero, where there is one number more.
    let mut number = 0_i64;
    for (at, byte) in line.iter().enumerate().skip(usize::from(is_negative)).take(LONGEST) {
        match byte {
            b'0'..=b'9' => {
                let longer = number.checked_mul(10).and_then(|n| n.checked_sub(i64::from(byte - b'0')));
                number = longer.ok_or(Malformed::Strange)?;
            }
            b'\r' if at > usize::from(is_negative) => {
                return match (line.get(at + 1), is_negative) {
                    (None, _) => Ok(None),
                    (Some(b'\n'), true) => Ok(Some((number, at + 2))),
                    (Some(b'\n'), false) => {
                        Ok(Some((number.checked_neg().ok_or(Malformed::Strange)?, at + 2)))
                    }
                    _ => Err(Malformed::Strange),
                };
            }
            _ => return Err(Malformed::Strange),
        }
    }
    if line.len() < LONGEST { Ok(None) } else { Err(Malformed::Strange) }
}

/// Finds the ends of answers while they come in. What was looked at is not looked at again, but for one head.
#[derive(Debug)]
pub(super) struct Frames {
    wanted: usize,
    longest: usize,
    ends: Vec<usize>,
    at: usize,
    /// Values that the answer at hand still lacks: arrays in arrays add up.
    missing: usize,
}

impl Frames {
    pub(super) fn new(wanted: usize, longest: usize) -> Self {
        Self { wanted, longest, ends: Vec::with_capacity(wanted), at: 0, missing: 1 }
    }

    /// Looks at what has come since; whether everything has.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        while self.ends.len() < self.wanted {
            let Some((item, length)) = Item::parse(&bytes[self.at..], self.longest)? else {
                return if bytes.len() > self.longest {
                    Err(Malformed::Long(self.longest))
                } else {
                    Ok(false)
                };
            };
            self.at += length;
            self.missing -= 1;
            if let Item::Array(count) = item {
                self.missing = self.missing.saturating_add(count);
            }
            if self.missing == 0 {
                self.ends.push(self.at);
                self.missing = 1;
            }
        }
        if bytes.len() > self.at { Err(Malformed::More) } else { Ok(true) }
    }

    pub(super) fn into_ends(self) -> Vec<usize> {
        self.ends
    }
}

/// Goes through the values of an answer that is there as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    pub(crate) fn new(answer: &'a [u8]) -> Self {
        Self(answer)
    }

    /// The length of the array that comes next; anything else counts as an empty one.
    pub(crate) fn array(&mut self) -> usize {
        match self.0.first() {
            Some(b'*') => match self.next() {
                Some(Item::Array(count)) => count,
                _ => 0,
            },
            _ => {
                self.pass();
                0
            }
        }
    }

    /// The value that comes next, unless it is an array, which is passed.
    pub(crate) fn scalar(&mut self) -> Option<Item<'a>> {
        if self.0.first() == Some(&b'*') {
            self.pass();
            return None;
        }
        self.next()
    }

    /// Goes through an array that alternates between names and values; `each` takes one value from the walk.
    pub(crate) fn pairs(&mut self, mut each: impl FnMut(&mut Self, &'a [u8])) {
        let count = self.array();
        for _ in 0..count / 2 {
            match self.scalar() {
                Some(Item::Text(name)) => each(self, name),
                _ => self.pass(),
            }
        }
        if count % 2 == 1 {
            self.pass();
        }
    }

    /// Passes the next value, with all that is in it.
    pub(crate) fn pass(&mut self) {
        let mut missing = 1_usize;
        while missing > 0 {
            match self.next() {
                Some(Item::Array(count)) => missing = missing.saturating_add(count),
                Some(_) => {}
                None => return,
            }
            missing -= 1;
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (item, length) = Item::parse(self.0, usize::MAX).ok()??;
        self.0 = &self.0[length..];
        Some(item)
    }
}

#[cfg(test)]
mod tests;

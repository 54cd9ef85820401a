//! The shapes of the kernel's small text files.

/// A file that does not look as it should.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty())
}

/// A whole decimal number.
pub(crate) fn integer(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 20 {
        return None;
    }
    field.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// A file of one number.
pub(crate) fn single(text: &[u8]) -> Result<u64, Malformed> {
    integer(text.trim_ascii()).ok_or(Malformed("one number"))
}

/// A file of one number or a word for none: `max`, or the -1 of version 1.
pub(crate) fn limit(text: &[u8]) -> Result<Option<u64>, Malformed> {
    match text.trim_ascii() {
        b"max" | b"-1" => Ok(None),
        number => integer(number).map(Some).ok_or(Malformed("a number or `max`")),
    }
}

/// A file of lines `key number`.
pub(crate) fn keyed(text: &[u8], mut each: impl FnMut(&[u8], u64)) -> Result<(), Malformed> {
    const SHAPE: Malformed = Malformed("lines of a key and a number");
    for line in lines(text) {
        let at = memchr::memchr(b' ', line).ok_or(SHAPE)?;
        each(&line[..at], integer(line[at + 1..].trim_ascii()).ok_or(SHAPE)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_none() {
        assert_eq!(single(b"42\n"), Ok(42));
        assert_eq!(limit(b"max\n"), Ok(None));
        assert_eq!(limit(b"-1\n"), Ok(None));
        assert_eq!(limit(b"9223372036854771712\n"), Ok(Some(9_223_372_036_854_771_712)));
        for bad in ["", "x", "1 2", "99999999999999999999999"] {
            assert!(single(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys() {
        let mut sum = 0;
        keyed(b"a 1\nb 2\n", |_, value| sum += value).unwrap();
        assert_eq!(sum, 3);
        assert!(keyed(b"a\n", |_, _| ()).is_err());
        assert!(keyed(b"a b\n", |_, _| ()).is_err());
    }
}

//! Taking kernel text apart, as bytes.

use std::path::Path;

use crate::read::ReadError;

/// A text that is not what the kernel writes there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unexpected content: {what} not found")]
pub(crate) struct Malformed {
    what: &'static str,
}

impl Malformed {
    /// What was looked for in vain.
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what }
    }

    /// With the file it was looked for in.
    pub(crate) fn at(self, path: &Path) -> ReadError {
        ReadError::Malformed { path: path.to_owned(), source: self }
    }
}

/// The lines, without their ends; no empty line at the end.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut rest = (!text.is_empty()).then_some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr(b'\n', text);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// The fields of a line, separated by blanks.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty())
}

/// Calls `each` with the names and numbers of lines like `pgpgin 1`, of which there is at least one.
pub(crate) fn counts(text: &[u8], mut each: impl FnMut(&[u8], u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `pgpgin 1`");
    if text.is_empty() {
        return Err(MISSING);
    }
    for line in lines(text) {
        let mut parts = fields(line);
        let name = parts.next().ok_or(MISSING)?;
        each(name, parts.next().and_then(integer).ok_or(MISSING)?);
    }
    Ok(())
}

/// A text without blanks and line ends around it.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// A decimal integer, all of the field.
pub(crate) fn integer(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 20 {
        return None;
    }
    field.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// A decimal integer with a sign.
pub(crate) fn signed(field: &[u8]) -> Option<i64> {
    match field.strip_prefix(b"-") {
        Some(rest) => integer(rest).and_then(|value| 0_i64.checked_sub_unsigned(value)),
        None => integer(field).and_then(|value| i64::try_from(value).ok()),
    }
}

/// A hexadecimal integer without prefix.
pub(crate) fn hexadecimal(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 16 {
        return None;
    }
    field.iter().try_fold(0, |value, byte| Some(value << 4 | u64::from((*byte as char).to_digit(16)?)))
}

/// A decimal number with sign and fraction.
pub(crate) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// A part of a metric's name as the peer makes it: every row of characters that a name may not hold becomes one `_`, and
/// takes the underscores beside it along.
pub(crate) fn metric_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut replaced = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
            replaced = false;
        } else if !replaced {
            if c != '_' {
                name.truncate(name.trim_end_matches('_').len());
                replaced = true;
            }
            name.push('_');
        }
    }
    name
}

/// A list of numbers and ranges, as `/sys` writes sets of CPUs: `0-3,8`. An empty set is empty.
pub(crate) fn ranges(list: &[u8]) -> Option<Vec<u32>> {
    /// More than any machine has; keeps a garbled range from filling the memory.
    const MAX: usize = 1 << 16;
    let number = |part: &[u8]| integer(part).and_then(|number| u32::try_from(number).ok());
    let mut all = Vec::new();
    for part in list.split(|&byte| byte == b',').filter(|part| !part.is_empty()) {
        let (first, last) = match part.iter().position(|&byte| byte == b'-') {
            Some(dash) => (number(&part[..dash])?, number(&part[dash + 1..])?),
            None => (number(part)?, number(part)?),
        };
        if last.checked_sub(first)? as usize + all.len() >= MAX {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        assert_eq!(integer(b"18446744073709551615"), Some(u64::MAX));
        for bad in ["", "-1", "1.5", "18446744073709551616", "12a", " 1"] {
            assert_eq!(integer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn other_numbers() {
        assert_eq!(
            (signed(b"-1"), signed(b"12"), signed(b"--1"), signed(b"-")),
            (Some(-1), Some(12), None, None)
        );
        assert_eq!(
            (hexadecimal(b"0001b619"), hexadecimal(b"xyz"), hexadecimal(b"")),
            (Some(0x1b619), None, None)
        );
        assert_eq!(hexadecimal(b"ffffffffffffffff"), Some(u64::MAX));
    }

    #[test]
    fn lines_and_fields() {
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"a\nb\n").count(), 2);
        assert_eq!(lines(b"a\n\nb").collect::<Vec<_>>(), [b"a".as_slice(), b"", b"b"]);
        assert_eq!(lines(b"\n\n").collect::<Vec<_>>(), [b"", b""]);
        assert_eq!(fields(b"  a \tb ").collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn names_and_numbers() {
        let mut all = Vec::new();
        counts(b"pgpgin 12\noom_kill 0\n", |name, value| all.push((name.to_vec(), value))).unwrap();
        assert_eq!(all, [(b"pgpgin".to_vec(), 12), (b"oom_kill".to_vec(), 0)]);
        for bad in ["", "pgpgin", "pgpgin x\n", "pgpgin 1\npgp"] {
            assert!(counts(bad.as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_metrics() {
        for (text, expected) in [
            ("kernel.threads-max", "kernel_threads_max"),
            ("a_.-_b", "a_b"),
            ("a__b", "a__b"),
            (" rx: errors", "_rx_errors"),
            ("\u{e9}", "_"),
            ("", ""),
        ] {
            assert_eq!(metric_name(text), expected);
        }
    }

    #[test]
    fn sets_of_cpus() {
        assert_eq!(ranges(b"0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(ranges(b""), Some(vec![]));
        for bad in ["2-1", "a", "0-4294967295", "0-99999", "1-"] {
            assert_eq!(ranges(bad.as_bytes()), None, "{bad}");
        }
    }
}

//! Taking kernel text apart, as bytes.

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
}

/// The lines, without their ends; no empty line at the end.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|&byte| byte == b'\n').filter(move |_| !text.is_empty())
}

/// The fields of a line, separated by blanks.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty())
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

/// A decimal number with sign and fraction.
pub(crate) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
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
    fn lines_and_fields() {
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"a\nb\n").count(), 2);
        assert_eq!(fields(b"  a \tb ").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}

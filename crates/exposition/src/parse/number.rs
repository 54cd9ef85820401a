//! Numbers as both formats have them.

/// A float as `promtool` reads it: Go's ParseFloat without hexadecimal and underscores. What is too large for a float is
/// refused, what is too small becomes zero.
pub(super) fn float(token: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(token).ok()?.parse().ok()?;
    let digits = token.iter().any(u8::is_ascii_digit);
    if value.is_infinite() && digits {
        return None;
    }
    // Rust reads a signed NaN, Go does not.
    if value.is_nan() && token.len() != 3 {
        return None;
    }
    Some(value)
}

/// A time of text 0.0.4, in milliseconds.
pub(super) fn millis(token: &[u8]) -> Option<i64> {
    std::str::from_utf8(token).ok()?.parse().ok()
}

/// A time of OpenMetrics, in seconds.
pub(super) fn seconds(token: &[u8]) -> Option<f64> {
    float(token).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verdicts are promtool's; the corpus has them again, as documents that promtool judges.
    #[test]
    fn as_promtool_reads_floats() {
        for good in ["1", "-1", "+1", "1.", ".5", "1e5", "1E+5", "1e-400", "00012", "INF", "+infinity", "nan"]
        {
            assert!(float(good.as_bytes()).is_some(), "{good}");
        }
        for bad in
            ["", ".", "1e", "1e400", "0x10", "0x1p4", "1_000", "infin", "-NaN", "+NaN", "--1", "1f", "é"]
        {
            assert!(float(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(millis(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(millis(b"9223372036854775808"), None);
        assert_eq!(millis(b"1.5"), None);
        assert_eq!(seconds(b"1.5"), Some(1.5));
        assert_eq!(seconds(b"inf"), None);
    }
}

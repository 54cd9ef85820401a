//! Numbers as INFO writes them, and values that consist of several.

/// A value as a number: words for good and bad are 1 and 0.
pub(crate) fn number(value: &[u8]) -> Option<f64> {
    match value {
        b"ok" | b"yes" | b"up" => Some(1.0),
        b"err" | b"fail" | b"no" | b"down" => Some(0.0),
        // Rust would take words like these, servers do not mean numbers by them.
        [b'i' | b'I' | b'n' | b'N', ..] => None,
        _ => decimal(value).or_else(|| std::str::from_utf8(value).ok()?.parse().ok()),
    }
}

/// Up to 15 digits with or without a point, which are nearly all numbers that a server says. They are exact as a float, as
/// the power of ten is, so that the quotient is the float nearest to them.
fn decimal(value: &[u8]) -> Option<f64> {
    const MOST: usize = 15;
    let mut digits = 0_u64;
    let mut behind_point = None;
    for byte in value {
        match (byte, &mut behind_point) {
            (b'0'..=b'9', behind) => {
                digits = digits * 10 + u64::from(byte - b'0');
                *behind = behind.map(|count: i32| count + 1);
            }
            (b'.', behind @ None) => *behind = Some(0),
            _ => return None,
        }
    }
    match behind_point {
        None if (1..=MOST).contains(&value.len()) => Some(digits as f64),
        Some(behind @ 1..) if (3..=MOST + 1).contains(&value.len()) => {
            Some(digits as f64 / 10_f64.powi(behind))
        }
        _ => None,
    }
}

pub(super) fn whole(value: &[u8]) -> Option<u64> {
    // Short of where a sum could overflow.
    if value.len() < 19 && !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
        return Some(value.iter().fold(0, |number, byte| number * 10 + u64::from(byte - b'0')));
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `a=1,b=2`.
pub(crate) fn parts(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|byte| matches!(byte, b'=' | b','))?;
            let (key, after) = (&rest[..at], &rest[at + 1..]);
            if rest[at] == b',' {
                rest = after;
                continue;
            }
            let end = after.iter().position(|&byte| byte == b',').unwrap_or(after.len());
            rest = after.get(end + 1..).unwrap_or_default();
            return Some((key, &after[..end]));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("0.10", Some(0.1)),
            ("99.327", Some(99.327)),
            ("123456789012.345", Some(123_456_789_012.345)),
            ("9007199254740993", Some(9_007_199_254_740_992.0)),
            ("0.0000000000000001", Some(1e-16)),
            ("-1", Some(-1.0)),
            ("1e3", Some(1000.0)),
            ("yes", Some(1.0)),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("inf", None),
            ("12K", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(whole(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(
            (whole(b"999999999999999999"), whole(b"18446744073709551616")),
            (Some(10_u64.pow(18) - 1), None)
        );
        assert_eq!((whole(b""), whole(b"1x"), whole(b"-1")), (None, None, None));
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_what_parsing_gives(text in "[0-9]{0,9}[.]?[0-9]{0,9}") {
            proptest::prop_assert_eq!(number(text.as_bytes()), text.parse().ok());
            proptest::prop_assert_eq!(whole(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn parts_are_what_splitting_gives(text in "[a=,1]{0,20}") {
            let split = text.split(',').filter_map(|part| part.split_once('='));
            let all = parts(text.as_bytes()).map(|(a, b)| (str::from_utf8(a).unwrap(), str::from_utf8(b).unwrap()));
            proptest::prop_assert_eq!(all.collect::<Vec<_>>(), split.collect::<Vec<_>>());
        }
    }
}

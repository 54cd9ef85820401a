//! Times as numbers.

use exporter_core::date::days;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Days since 1970.
pub(crate) fn today() -> i64 {
    now() as i64 / DAY
}

/// The end of a year, a month, a day or an hour, in seconds since 1970.
pub(crate) fn period_end(year: i64, month: Option<i64>, day: Option<i64>, hour: Option<i64>) -> Option<i64> {
    let known = (1970..10_000).contains(&year)
        && month.is_none_or(|month| (1..=12).contains(&month))
        && day.is_none_or(|day| (1..=31).contains(&day))
        && hour.is_none_or(|hour| (0..24).contains(&hour));
    if !known {
        return None;
    }
    Some(match (month, day, hour) {
        (None, _, _) => days(year + 1, 1, 1) * DAY,
        (Some(12), None, _) => days(year + 1, 1, 1) * DAY,
        (Some(month), None, _) => days(year, month + 1, 1) * DAY,
        (Some(month), Some(day), None) => (days(year, month, day) + 1) * DAY,
        (Some(month), Some(day), Some(hour)) => days(year, month, day) * DAY + (hour + 1) * 3600,
    })
}

/// `2026-11-20T23:59:59Z`.
#[cfg(feature = "cloudwatch")]
pub(crate) fn text(seconds: f64) -> String {
    use aws_smithy_types::date_time::{DateTime, Format};
    DateTime::from_secs(seconds as i64).fmt(Format::DateTime).unwrap_or_default()
}

/// Seconds since 1970 of `2026-11-20T23:59:59.250Z`, as lists have it; an offset such as `+01:00` may stand for the `Z`.
pub(crate) fn instant(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let number = |at: usize, length: usize| {
        let digits = bytes.get(at..at + length)?;
        digits
            .iter()
            .try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let is_at = |at: usize, mark: &[u8]| bytes.get(at).is_some_and(|byte| mark.contains(byte));
    if !(is_at(4, b"-") && is_at(7, b"-") && is_at(10, b"Tt ") && is_at(13, b":") && is_at(16, b":")) {
        return None;
    }
    let (month, day) = (number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !((1..=12).contains(&month) && (1..=31).contains(&day) && hour < 25 && minute < 60 && second < 61) {
        return None;
    }
    let whole = days(number(0, 4)?, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let mut at = 19;
    let mut part = 0.0;
    if is_at(at, b".") {
        let length = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Beyond nanoseconds nothing is left of them in a float.
        let digits = length.min(9);
        part = number(at + 1, digits)? as f64 / 10_f64.powi(digits as i32);
        at += 1 + length;
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && is_at(at + 3, b":") => {
            let offset = number(at + 1, 2)? * 3600 + number(at + 4, 2)? * 60;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    Some((whole - offset) as f64 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_periods() {
        assert_eq!(period_end(1970, None, None, None), Some(365 * DAY));
        assert_eq!(period_end(1970, Some(12), None, None), Some(365 * DAY));
        assert_eq!(period_end(1970, Some(2), None, None), Some(59 * DAY));
        assert_eq!(period_end(1970, Some(1), Some(1), None), Some(DAY));
        assert_eq!(period_end(1970, Some(1), Some(1), Some(23)), Some(DAY));
        assert_eq!(period_end(2026, Some(11), Some(20), None), Some(1_795_219_200));
        assert_eq!(period_end(2026, Some(0), None, None), None);
    }
    #[test]
    fn times_of_lists() {
        assert_eq!(instant("2026-11-20T23:59:59.250Z"), Some(1_795_219_199.25));
        assert_eq!(instant("2026-11-21T00:59:59.25000000000+01:00"), Some(1_795_219_199.25));
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(instant("2000-02-29T00:00:00-00:30"), Some(951_782_400.0 + 1800.0));
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T23:59:59",
            "2026-11-20T23:59:59.Zx",
            "2026-13-20T23:59:59Z",
            "20é6-11-20T23:59:59Z",
            "2026-11-20T23:59:5Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
        for seconds in [0.0, 1e9 + 0.125, 1_795_219_199.25, 4e9] {
            assert_eq!(instant(&fake_s3::time(seconds)), Some(seconds));
        }
    }
}

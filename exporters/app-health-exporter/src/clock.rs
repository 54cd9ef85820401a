//! Times as others write them.

use exporter_core::date::{civil, days};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    seconds(SystemTime::now())
}

pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub(crate) fn rfc3339(seconds: f64) -> String {
    let millis = (seconds.max(0.0) * 1000.0) as i64;
    let (day, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, date) = civil(day);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000)
}

/// An HTTP date: `Tue, 15 Nov 1994 12:45:26 GMT`.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let time = clock(parts.next()?)?;
    ((1..=31).contains(&day) && (1970..10_000).contains(&year))
        .then(|| days(year, month, day) * 86_400 + time as i64)
}

fn clock(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let hours: f64 = parts.next()?.parse().ok()?;
    let minutes: f64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |text| text.replace(',', ".").parse().ok())?;
    let fits =
        (0.0..24.0).contains(&hours) && (0.0..60.0).contains(&minutes) && (0.0..61.0).contains(&seconds);
    fits.then_some(hours * 3600.0 + minutes * 60.0 + seconds)
}

/// A date and time as applications write it: RFC 3339, with a blank for the T, with or without a zone (`zone` seconds east
/// of UTC then), or seconds or milliseconds since 1970.
pub(crate) fn timestamp(text: &str, zone: i64) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then(|| epoch(number));
    }
    let date = text.get(..10)?;
    let mut parts = date.split('-');
    let year: i64 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let day: i64 = parts.next()?.parse().ok()?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let start = (days(year, month, day) * 86_400) as f64;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(start - zone as f64);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end =
        rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(rest.len());
    let offset = offset(rest[end..].trim(), zone)?;
    Some(start + clock(&rest[..end])? - offset as f64)
}

fn offset(text: &str, zone: i64) -> Option<i64> {
    match text {
        "" => Some(zone),
        "Z" | "z" | "UTC" | "GMT" => Some(0),
        _ => {
            let sign = if text.starts_with('+') { 1 } else { -1 };
            let digits: String = text.strip_prefix(['+', '-'])?.chars().filter(|c| *c != ':').collect();
            let hours: i64 = digits.get(..2)?.parse().ok()?;
            let minutes: i64 =
                digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse().ok())?;
            (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
        }
    }
}

/// Seconds since 1970 of a number that is either seconds, milli-, micro- or nanoseconds.
pub(crate) fn epoch(number: f64) -> f64 {
    match number.abs() {
        n if n >= 1e17 => number / 1e9,
        n if n >= 1e14 => number / 1e6,
        n if n >= 1e11 => number / 1e3,
        _ => number,
    }
}

/// `UTC`, `+02:00` or `-0530` as seconds east of UTC.
pub(crate) fn zone(text: &str) -> Option<i64> {
    offset(text.trim(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates() {
        assert_eq!(http_date("Tue, 15 Nov 1994 12:45:26 GMT"), Some(784_903_526));
        for bad in ["", "x", "Tue, 15 Foo 1994 12:45:26 GMT", "Tue, 99 Nov 1994 12:45:26 GMT"] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_of_applications() {
        for (text, expected) in [
            ("2024-01-15T10:30:00Z", 1_705_314_600.0),
            ("2024-01-15T10:30:00", 1_705_314_600.0),
            ("2024-01-15 10:30:00,250", 1_705_314_600.25),
            ("2024-01-15T12:30:00.5+02:00", 1_705_314_600.5),
            ("2024-01-15T05:00:00-0530", 1_705_314_600.0),
            ("2024-01-15", 1_705_276_800.0),
            ("1705314600", 1_705_314_600.0),
            ("1705314600000", 1_705_314_600.0),
            ("1970-01-01T00:00:00Z", 0.0),
        ] {
            assert_eq!(timestamp(text, 0), Some(expected), "{text}");
        }
        assert_eq!(timestamp("2024-01-15T12:30:00", 7200), Some(1_705_314_600.0));
        for bad in ["", "yesterday", "2024-13-01", "2024-01-15T25:00:00Z", "2024-01-15T10:30:00+99", "NaN"] {
            assert_eq!(timestamp(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn written_and_read_again() {
        for seconds in [0.0, 951_782_400.25, 1_705_314_600.5, 4_102_444_799.999] {
            assert_eq!(
                timestamp(&rfc3339(seconds), 0).map(|s| (s * 1000.0).round()),
                Some((seconds * 1000.0).round())
            );
        }
        assert_eq!(rfc3339(1_795_206_896.0), "2026-11-20T20:34:56.000Z");
    }

    proptest::proptest! {
        #[test]
        fn junk_never_panics(text: String) {
            let _ = (timestamp(&text, 0), http_date(&text), zone(&text));
        }
    }
}

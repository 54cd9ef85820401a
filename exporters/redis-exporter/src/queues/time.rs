//! Times as programs write them.

/// Seconds since 1970 of a number (seconds, milliseconds, microseconds, nanoseconds, told apart by size) or of a date like
/// `2026-11-20T21:45:00.5+01:00`; without an offset it is UTC.
pub(crate) fn epoch_seconds(text: &str) -> Option<f64> {
    let text = text.trim().trim_matches('"');
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            n if !n.is_finite() || n <= 0.0 => None,
            n if n < 1e11 => Some(n),
            n if n < 1e14 => Some(n / 1e3),
            n if n < 1e17 => Some(n / 1e6),
            n => Some(n / 1e9),
        };
    }
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let (clock, offset) = split_offset(time)?;
    let mut parts = clock.splitn(3, ':');
    let hour: f64 = parts.next()?.parse().ok()?;
    let minute: f64 = parts.next()?.parse().ok()?;
    let second: f64 = parts.next().map_or(Some(0.0), |part| part.parse().ok())?;
    let seconds = days(year, month, day) as f64 * 86_400.0 + hour * 3600.0 + minute * 60.0 + second;
    Some(seconds - offset)
}

/// The clock and its offset in seconds.
fn split_offset(time: &str) -> Option<(&str, f64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0.0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0.0)) };
    let (hours, minutes) = time[at + 1..].split_once(':').unwrap_or_else(|| {
        let digits = &time[at + 1..];
        digits.split_at_checked(2).unwrap_or((digits, ""))
    });
    let minutes = if minutes.is_empty() { 0.0 } else { minutes.parse::<f64>().ok()? };
    let seconds = hours.parse::<f64>().ok()? * 3600.0 + minutes * 60.0;
    Some((&time[..at], if time.as_bytes()[at] == b'-' { -seconds } else { seconds }))
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that comes and goes is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates() {
        for (text, expected) in [
            ("1795211639", 1_795_211_639.0),
            ("1795211639.5", 1_795_211_639.5),
            ("1795211639500", 1_795_211_639.5),
            ("1795211639500000", 1_795_211_639.5),
            ("2026-11-20T21:53:59Z", 1_795_211_639.0),
            ("2026-11-20 21:53:59", 1_795_211_639.0),
            ("\"2026-11-20T22:53:59.5+01:00\"", 1_795_211_639.5),
            ("2026-11-20T16:53:59-0500", 1_795_211_639.0),
            ("1970-01-01T00:00", 0.0),
            ("2024-02-29T00:00:00Z", 1_709_164_800.0),
        ] {
            assert_eq!(epoch_seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for bad in [
            "",
            "ok",
            "-5",
            "nan",
            "inf",
            "2026-13-01T00:00:00Z",
            "2026-11-20",
            "T",
            "2026-1-1Tx:y",
            "é-1-1T1:1+é",
        ] {
            assert_eq!(epoch_seconds(bad), None, "{bad}");
        }
    }
}

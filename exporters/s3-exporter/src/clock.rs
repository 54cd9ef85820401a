//! Times as numbers.

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

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
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
}

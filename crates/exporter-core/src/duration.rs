//! Durations as Go and Prometheus write them.

use std::time::Duration;

/// `1h30m`, `5s`, `100ms`, `7d`, and `0`, which needs no unit; `None` for anything else, and for more than fits.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = if text == "0" { "0s" } else { text };
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit = rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| at + number);
        let seconds = match &rest[number..unit] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 7.0 * 86_400.0,
            "y" => 365.0 * 86_400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(rest[..number].parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(parse_duration("1w2d"), Some(Duration::from_secs(9 * 86_400)));
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        assert_eq!(parse_duration("5µs"), Some(Duration::from_micros(5)));
        for bad in ["", "5", "00", "s", "5x", "-1s", "10000000000000000000s10000000000000000000s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}

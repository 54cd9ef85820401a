//! Values that YAML does not have: durations, sizes, regular expressions.

use exporter_core::Regex;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::fmt;
use std::time::Duration;

/// A duration as Go and Prometheus write it: `1h30m`, `5s`, `100ms`, `7d`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        exporter_core::parse_duration(text.trim()).map(Self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| D::Error::custom("a duration has a unit: write 90s, 15m, 24h or 7d"))?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no duration; write 90s, 15m, 24h or 7d")))
    }
}

/// A number of bytes: `10MB` (ten million), `256KiB`, `1024`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Size(pub(crate) u64);

impl Size {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let unit: f64 = match text[digits..].trim() {
            "" | "B" => 1.0,
            "KB" | "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            "PB" => 1e15,
            "KiB" => 1024.0,
            "MiB" => 1_048_576.0,
            "GiB" => 1_073_741_824.0,
            "TiB" => 1_099_511_627_776.0,
            _ => return None,
        };
        Some(Self((text[..digits].parse::<f64>().ok()? * unit) as u64))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes, such as 1024, 10MB or 256KiB")
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text)
                    .ok_or_else(|| E::custom(format!("{text:?} is no size; write 1024, 10MB or 256KiB")))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A regular expression that must fit the whole text.
#[derive(Clone, Debug)]
pub(crate) struct Whole(Regex);

impl Whole {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Regex::new(&format!("^(?:{text})$"))
            .map(Self)
            .map_err(|error| format!("expression {text:?}: {error}"))
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes() {
        assert_eq!(Span::parse("1d12h"), Some(Span::seconds(129_600)));
        assert_eq!(Size::parse("1.5KiB"), Some(Size(1536)));
        assert_eq!(Size::parse("50TB"), Some(Size(50_000_000_000_000)));
        for bad in ["", "5", "x", "-1s", "5 parsecs"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
        assert_eq!(Size::parse("5 apples"), None);
    }

    #[test]
    fn expressions_fit_the_whole_text() {
        let whole = Whole::parse("a|bc").unwrap();
        assert!(whole.fits("bc") && !whole.fits("bcd") && !whole.fits("xa"));
    }
}

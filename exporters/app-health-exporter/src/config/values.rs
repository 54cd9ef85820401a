//! Values that YAML does not have: durations, sizes, regular expressions, secrets.

use exporter_core::{Regex, Secret};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A duration as Go and Prometheus write it: `1h30m`, `5s`, `100ms`, `7d`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self(Duration::ZERO));
        }
        exporter_core::parse_duration(text.trim()).map(Self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Scalar::deserialize(deserializer)?.text();
        Span::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no duration; write 5s, 1m30s or 100ms")))
    }
}

/// A number of bytes: `10MB`, `256KiB`, `1024`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Size(pub(crate) u64);

impl Size {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let unit: f64 = match text[digits..].trim().to_ascii_uppercase().as_str() {
            "" | "B" => 1.0,
            // As the peer has it (alecthomas/units): KB and KiB are both powers of two.
            "K" | "KB" | "KIB" => 1024.0,
            "M" | "MB" | "MIB" => 1024.0 * 1024.0,
            "G" | "GB" | "GIB" => 1024.0 * 1024.0 * 1024.0,
            _ => return None,
        };
        Some(Self((text[..digits].parse::<f64>().ok()? * unit) as u64))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Scalar::deserialize(deserializer)?.text();
        Size::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no size; write 256KB or 10MB")))
    }
}

/// A regular expression, unanchored.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(pub(crate) Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Scalar::deserialize(deserializer)?.text();
        Regex::new(&text)
            .map(Self)
            .map_err(|error| D::Error::custom(format!("regular expression {text:?}: {error}")))
    }
}

/// A secret that stands in the file. It never shows in an error: what is no text is refused without being quoted.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let value = Scalar::deserialize(deserializer).map_err(|_| D::Error::custom("a secret must be a text"))?;
    Ok(Some(Secret::new(value.text())))
}

/// A text, number or boolean, where YAML guesses and we do not care.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    pub(crate) fn text(self) -> String {
        match self {
            Scalar::Bool(value) => value.to_string(),
            Scalar::Int(value) => value.to_string(),
            Scalar::Float(value) => value.to_string(),
            Scalar::Text(value) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, seconds) in
            [("5s", 5.0), ("1m30s", 90.0), ("1.5h", 5400.0), ("26h", 93_600.0), ("7d", 604_800.0)]
        {
            assert_eq!(Span::parse(text).unwrap().0.as_secs_f64(), seconds, "{text}");
        }
        for bad in ["", "5", "s", "-1s", "1x"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("1024", 1024), ("256KiB", 262_144), ("10MB", 10_485_760), ("0.5k", 512)] {
            assert_eq!(Size::parse(text).unwrap().0, bytes, "{text}");
        }
        assert_eq!(Size::parse("many"), None);
    }
}

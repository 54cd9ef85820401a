//! Patterns of keys: `logs/{env}/{host}/{date:%Y-%m-%d}/`.
//!
//! Each level between slashes is a fixed text, or a text with one named part; the part called `date` says when the level's
//! objects were made, and all other parts together name a group.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::clock;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern {
    /// As it was written: the `pattern` label.
    pub(crate) text: String,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Level {
    before: String,
    part: Option<Part>,
    after: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Named,
    /// With its format.
    Date(String),
}

/// What a key says by its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    /// The values of the named parts: `prod/web1`.
    pub(crate) group: String,
    /// When the date's period ends, in seconds since 1970.
    pub(crate) closes: Option<i64>,
    /// Length of the key's beginning that is the partition: the levels of the pattern.
    pub(crate) length: usize,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let failed = |why: &str| Err(format!("pattern {text:?}: {why}"));
        let Some(inner) = text.strip_suffix('/') else {
            return failed("end it with a slash: logs/{env}/{host}/{date:%Y-%m-%d}/");
        };
        let mut levels: Vec<Level> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for level in inner.split('/') {
            let Some((before, rest)) = level.split_once('{') else {
                levels.push(Level { before: level.to_owned(), part: None, after: String::new() });
                continue;
            };
            let Some((part, after)) = rest.split_once('}') else { return failed("a { without its }") };
            if after.contains('{') {
                return failed("one part a level");
            }
            let (name, format) = part.split_once(':').unwrap_or((part, ""));
            if name.is_empty() || names.contains(&name) {
                return failed("each part has a name of its own");
            }
            names.push(name);
            let part = match (name, format) {
                ("date", "") => Part::Date("%Y-%m-%d".to_owned()),
                ("date", format) => Part::Date(format.to_owned()),
                (_, "") => Part::Named,
                _ => return failed("only {date:…} has a format"),
            };
            levels.push(Level { before: before.to_owned(), part: Some(part), after: after.to_owned() });
        }
        if names.is_empty() {
            return failed("it has no part such as {host}");
        }
        if let Some(at) = levels.iter().position(Level::is_date) {
            if at + 1 != levels.len() {
                return failed("the date is the last level");
            }
            if levels[at].period("").is_none() && !levels[at].has_known_format() {
                return failed("write the date with %Y, %m, %d and %H");
            }
        }
        Ok(Self { text: text.to_owned(), levels })
    }

    pub(crate) fn has_date(&self) -> bool {
        self.levels.iter().any(Level::is_date)
    }

    /// How many levels come before the date, or in all.
    pub(crate) fn depth(&self) -> usize {
        self.levels.iter().filter(|level| !level.is_date()).count()
    }

    /// The fixed levels at the beginning: nothing outside can fit.
    pub(crate) fn root(&self) -> String {
        self.levels
            .iter()
            .take_while(|level| level.part.is_none())
            .map(|level| format!("{}/", level.before))
            .collect()
    }

    /// How many levels `root` has.
    pub(crate) fn root_depth(&self) -> usize {
        self.levels.iter().take_while(|level| level.part.is_none()).count()
    }

    /// Whether a prefix of this many levels, ended by a slash, can begin a key that fits.
    pub(crate) fn may_begin(&self, prefix: &str) -> bool {
        let Some(inner) = prefix.strip_suffix('/') else { return false };
        inner.split('/').zip(&self.levels).all(|(text, level)| level.value(text).is_some())
    }

    /// What a key, or a prefix of all levels, says by its name; `None` where it does not fit.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        let mut place = Place::default();
        for level in &self.levels {
            let rest = &key[place.length..];
            let end = rest.find('/')?;
            let value = level.value(&rest[..end])?;
            match &level.part {
                None => {}
                Some(Part::Named) => {
                    if !place.group.is_empty() {
                        place.group.push('/');
                    }
                    place.group.push_str(value);
                }
                Some(Part::Date(_)) => place.closes = Some(level.period(value)?),
            }
            place.length += end + 1;
        }
        Some(place)
    }
}

impl Level {
    fn is_date(&self) -> bool {
        matches!(self.part, Some(Part::Date(_)))
    }

    /// The part's text, where the level fits; the level itself where it is fixed.
    fn value<'a>(&self, text: &'a str) -> Option<&'a str> {
        match &self.part {
            None => (text == self.before).then_some(text),
            Some(part) => {
                let value = text.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
                let fits = match part {
                    Part::Named => !value.is_empty(),
                    Part::Date(_) => self.period(value).is_some(),
                };
                fits.then_some(value)
            }
        }
    }

    fn has_known_format(&self) -> bool {
        let Some(Part::Date(format)) = &self.part else { return false };
        format.contains("%Y")
            && format
                .replace("%Y", "")
                .replace("%m", "")
                .replace("%d", "")
                .replace("%H", "")
                .find('%')
                .is_none()
    }

    /// The end of the period that a date names.
    fn period(&self, text: &str) -> Option<i64> {
        let Some(Part::Date(format)) = &self.part else { return None };
        let (mut year, mut month, mut day, mut hour) = (None, None, None, None);
        let mut rest = text;
        let mut format = format.as_str();
        while let Some(c) = format.chars().next() {
            let Some(field) = format.strip_prefix('%') else {
                rest = rest.strip_prefix(c)?;
                format = &format[c.len_utf8()..];
                continue;
            };
            let (slot, digits) = match field.chars().next()? {
                'Y' => (&mut year, 4),
                'm' => (&mut month, 2),
                'd' => (&mut day, 2),
                'H' => (&mut hour, 2),
                _ => return None,
            };
            let number = rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
            *slot = Some(number.parse::<i64>().ok()?);
            rest = &rest[digits..];
            format = &field[1..];
        }
        if !rest.is_empty() {
            return None;
        }
        clock::period_end(year?, month, day, hour)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn logs_by_host_and_day() {
        let logs = pattern("logs/{env}/{host}/{date:%Y-%m-%d}/");
        let place = logs.place("logs/prod/web1/2026-11-20/x/y.gz").unwrap();
        assert_eq!(place.group, "prod/web1");
        assert_eq!(place.closes, Some(1_795_219_200));
        assert_eq!(place.length, "logs/prod/web1/2026-11-20/".len());
        for other in [
            "logs/prod/web1/x.gz",
            "logs/prod/web1/2026-13-20/x",
            "log/prod/web1/2026-11-20/x",
            "logs//a/2026-11-20/x",
        ] {
            assert_eq!(logs.place(other), None, "{other}");
        }
        assert_eq!((logs.root().as_str(), logs.root_depth(), logs.depth()), ("logs/", 1, 3));
        assert!(logs.may_begin("logs/prod/") && !logs.may_begin("images/prod/") && logs.has_date());
    }

    #[test]
    fn parts_within_a_level() {
        let dumps = pattern("db-{name}.d/day={date:%Y%m%d}/");
        assert_eq!(dumps.place("db-main.d/day=20260101/f").unwrap().group, "main");
        assert_eq!(dumps.place("db-.d/day=20260101/f"), None);
        assert_eq!(dumps.root(), "");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("logs/{env}", "slash"),
            ("logs/{env/", "without its }"),
            ("logs/", "no part"),
            ("{a}/{a}/", "name of its own"),
            ("{date}/{host}/", "last level"),
            ("{date:%Q}/", "%Y"),
            ("{a}{b}/", "one part"),
            ("{a:%Y}/", "only {date"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn junk_never_panics(text: String, key: String) {
            if let Ok(pattern) = Pattern::parse(&text) {
                let _ = pattern.place(&key);
            }
            let _ = pattern("a{x}b/{date:%Y-%m}/").place(&key);
        }
    }
}

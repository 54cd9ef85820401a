//! The all-in-one's config file: instances of exporters, each a map of that exporter's flags.
//!
//! ```yaml
//! exporters:
//!   node:
//!     - name: host
//!       path.rootfs: /host
//!       collector.wifi: false
//!       labels: {system: shop}
//! ```

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

use crate::exporter::ConfigError;
use crate::secret::unquoted;

/// What `/sd` says of an instance beside its flags.
const LABELS: &str = "labels";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    pub(crate) exporters: UniqueMap<Vec<Entry>>,
}

impl ConfigFile {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        serde_yaml::from_str(text).map_err(|error| ConfigError::new(unquoted(&error.to_string())))
    }
}

/// A file of one exporter's flags: a map of names, without dashes, and values. A list's values are a list.
pub(crate) fn parse_flags(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let file: Option<UniqueMap<Setting>> =
        serde_yaml::from_str(text).map_err(|error| ConfigError::new(unquoted(&error.to_string())))?;
    let entries = file.map(|map| map.0).unwrap_or_default().into_iter();
    Ok(entries
        .flat_map(|(name, setting)| setting.0.into_iter().map(move |value| (name.clone(), value)))
        .collect())
}

/// A map in the order of the file, in which a key that stands twice is an error.
#[derive(Debug)]
pub(crate) struct UniqueMap<V>(pub(crate) Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = UniqueMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, V)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if entries.iter().any(|(other, _)| *other == key) {
                        return Err(A::Error::custom(format!("{key:?} stands here twice")));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(UniqueMap(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// An instance: a map of settings, one of which is the map of its labels.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) labels: Vec<(String, Setting)>,
    pub(crate) settings: Vec<(String, Setting)>,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let (mut entry, mut labelled) = (Entry::default(), false);
                while let Some(key) = map.next_key::<String>()? {
                    let is_labels = key == LABELS;
                    let twice = entry.settings.iter().any(|(other, _)| *other == key);
                    if twice || is_labels && labelled {
                        return Err(A::Error::custom(format!("{key:?} stands here twice")));
                    }
                    if is_labels {
                        entry.labels = map.next_value::<UniqueMap<Setting>>()?.0;
                        labelled = true;
                    } else {
                        entry.settings.push((key, map.next_value()?));
                    }
                }
                Ok(entry)
            }
        }
        deserializer.deserialize_map(Settings)
    }
}

/// A flag's value, or several of a list.
#[derive(Debug)]
pub(crate) struct Setting(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = Setting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true, false or a list of them")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Setting, E> {
                Ok(Setting(vec![value.to_owned()]))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Setting, E> {
                Ok(Setting(vec![value.to_string()]))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Setting, E> {
                Ok(Setting(vec![value.to_string()]))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Setting, E> {
                Ok(Setting(vec![value.to_string()]))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Setting, E> {
                Ok(Setting(vec![value.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Setting, A::Error> {
                let mut values = Vec::new();
                while let Some(Setting(value)) = list.next_element()? {
                    values.extend(value);
                }
                Ok(Setting(values))
            }
        }
        deserializer.deserialize_any(Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_instances_in_order() {
        let file = ConfigFile::parse(
            "exporters:\n  node:\n    - {name: b, path.rootfs: /host}\n    - {name: a, dirs: [x, y], n: 3, labels: {env: test}}\n",
        )
        .unwrap();
        let (kind, instances) = &file.exporters.0[0];
        assert_eq!((kind.as_str(), instances.len()), ("node", 2));
        let Entry { labels, settings } = &instances[1];
        assert_eq!(settings[1].1.0, ["x", "y"]);
        assert_eq!(settings[2].1.0, ["3"]);
        assert_eq!((labels[0].0.as_str(), &labels[0].1.0[..]), ("env", &["test".to_owned()][..]));
        assert_eq!((instances[0].labels.len(), settings.len()), (0, 3));
    }

    #[test]
    fn a_file_of_flags() {
        let flags =
            parse_flags("# nothing else\nlog.level: debug\ncollector.wifi: false\ndirs: [x, y]\n").unwrap();
        let flags: Vec<_> = flags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            flags,
            [("log.level", "debug"), ("collector.wifi", "false"), ("dirs", "x"), ("dirs", "y")]
        );
        assert_eq!(parse_flags("").unwrap(), []);
        assert_eq!(parse_flags("# only words\n").unwrap(), []);
        for (bad, expected) in
            [("a: 1\na: 2\n", "\"a\" stands here twice"), ("- a\n", "a map"), ("a: {b: 1}\n", "line 1")]
        {
            let error = parse_flags(bad).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn errors_show_no_value() {
        for text in [
            "exporters:\n  postgres:\n    - postgresql://u:hunter2@h/db\n",
            "exporters:\n  redis: hunter2\n",
            "exporters:\n  redis:\n    - {labels: hunter2}\n",
        ] {
            let error = ConfigFile::parse(text).unwrap_err().to_string();
            assert!(error.contains("line") && !error.contains("hunter2"), "{error}");
        }
        let error = parse_flags("hunter2").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            ("exporters:\n  node: []\n  node: []\n", "\"node\" stands here twice"),
            ("exporters: {}\nother: 1\n", "other"),
            ("exporters:\n  node:\n    - {a: 1, a: 2}\n", "\"a\" stands here twice"),
            ("exporters:\n  node:\n    - {labels: {}, labels: {}}\n", "\"labels\" stands here twice"),
            ("exporters:\n  node:\n    - {labels: {a: 1, a: 2}}\n", "\"a\" stands here twice"),
            ("exporters:\n  node:\n    - {labels: {a: {}}}\n", "line 3"),
            ("exporters:\n  node: 3\n", "line 2"),
            ("exporters: [\n", "line"),
        ] {
            let error = ConfigFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

//! Device facts in udev's database: one small file a device, read again when it changes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::context::Context;
use crate::read::Reader;
use crate::text::lines;

/// Properties of one device.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    changed: Option<SystemTime>,
    version: u64,
    properties: Vec<(String, String)>,
}

impl Facts {
    /// A property, or nothing.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.properties.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// Raised whenever the facts change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

pub(crate) struct Udev {
    directory: PathBuf,
    reader: Reader,
    known: HashMap<(u32, u32), Facts>,
}

impl Udev {
    pub(crate) fn new(context: &Context) -> Self {
        Self { directory: context.udev(""), reader: Reader::new(), known: HashMap::new() }
    }

    /// What udev knows of a device; `kind` is `b` or `c`.
    pub(crate) fn facts(&mut self, kind: char, major: u32, minor: u32) -> &Facts {
        let path = self.directory.join(format!("{kind}{major}:{minor}"));
        let facts = self.known.entry((major, minor)).or_default();
        let changed = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        if changed != facts.changed {
            facts.properties = self.reader.read(&path).map(parse).unwrap_or_default();
            facts.changed = changed;
            facts.version += 1;
        }
        facts
    }
}

/// Lines like `E:ID_MODEL=disk`.
fn parse(text: &[u8]) -> Vec<(String, String)> {
    let property = |line: &[u8]| {
        let line = String::from_utf8_lossy(line.strip_prefix(b"E:")?).into_owned();
        line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    lines(text).filter_map(property).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_only() {
        let properties = parse(b"S:disk/by-id/x\nE:ID_MODEL=A=B\nE:broken\nI:12\nE:ID_WWN=\n");
        assert_eq!(properties, [("ID_MODEL".into(), "A=B".into()), ("ID_WWN".into(), String::new())]);
    }
}

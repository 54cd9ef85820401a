//! `db3=a%2Cb,plain`: the peer's lists of keys and patterns.

use exporter_core::ConfigError;

use crate::target::percent_decoded;

/// A key or a pattern, and its database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Key {
    pub(crate) db: i64,
    pub(crate) name: Vec<u8>,
}

impl Key {
    /// As it stands in a label.
    pub(crate) fn db_label(&self) -> String {
        format!("db{}", self.db)
    }
}

/// Reads a list; without `dbN=` it is database 0.
pub(crate) fn parse(flag: &str, text: &str) -> Result<Vec<Key>, ConfigError> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| one(part).ok_or_else(|| bad(flag, part))).collect()
}

/// Reads one entry.
pub(crate) fn one(text: &str) -> Option<Key> {
    let (db, name) = match text.split_once('=') {
        None => (0, text),
        Some((db, name)) => (db.strip_prefix("db").unwrap_or(db).parse().ok()?, name),
    };
    (db >= 0 && !name.is_empty()).then(|| Key { db, name: percent_decoded(name).into_bytes() })
}

fn bad(flag: &str, part: &str) -> ConfigError {
    ConfigError::new(format!("--{flag}: {part:?}: write KEY or dbN=KEY, a comma or = in it as %2C or %3D"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_peer_writes_them() {
        let keys = parse("check-keys", "db3=a*, 7=b%2Cc ,plain,db0=x%3Dy").unwrap();
        let shown: Vec<_> =
            keys.iter().map(|key| (key.db, String::from_utf8_lossy(&key.name).into_owned())).collect();
        assert_eq!(shown, [(3, "a*".into()), (7, "b,c".into()), (0, "plain".into()), (0, "x=y".into())]);
        for bad in ["dbx=a", "-1=a", "db1="] {
            assert!(parse("check-keys", bad).is_err(), "{bad}");
        }
    }
}

//! Which databases of a server are looked at.

use exporter_core::{ConfigError, Settings};

use crate::connect::Trouble;
use crate::session::Session;

/// All databases one may connect to, but for templates.
const LIST: &str = "SELECT datname::text FROM pg_database \
WHERE datallowconn AND NOT datistemplate AND datname <> current_database() \
AND has_database_privilege(oid, 'CONNECT') ORDER BY datname";

/// How databases are chosen beside the one in the connection string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) discover: bool,
    include: Vec<String>,
    exclude: Vec<String>,
    /// Connections at most, the first one included.
    pub(crate) cap: usize,
}

impl Selection {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let list = |name: &str| {
            let text = settings.text(name);
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Ok(Self {
            discover: settings.switch("auto-discover-databases"),
            include: list("include-databases"),
            exclude: list("exclude-databases"),
            cap: settings.number("max-connections")?,
        })
    }

    fn takes(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// The databases beside the first one, and how many there are beyond the cap.
    pub(crate) async fn others(&self, first: &Session) -> Result<(Vec<String>, usize), Trouble> {
        if !self.discover {
            return Ok((Vec::new(), 0));
        }
        let mut names = Vec::new();
        for row in first.ask(LIST).await? {
            let name: String = row.try_get(0)?;
            if self.takes(&name) {
                names.push(name);
            }
        }
        let room = self.cap.saturating_sub(1);
        let left_out = names.len().saturating_sub(room);
        names.truncate(room);
        Ok((names, left_out))
    }
}

/// `*` stands for anything, all else for itself.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("shop", "shop", true),
            ("shop", "shop2", false),
            ("shop*", "shop2", true),
            ("*_test", "a_test", true),
            ("*_test", "a_test2", false),
            ("*", "grün", true),
            ("a*b*c", "a--b--c", true),
        ] {
            assert_eq!(glob(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn exclusion_wins() {
        let selection = Selection {
            include: vec!["a*".to_owned()],
            exclude: vec!["ab".to_owned()],
            ..Selection::default()
        };
        assert!(selection.takes("ac") && !selection.takes("ab") && !selection.takes("b"));
    }
}

//! Which devices, mounts and fields are reported: the peer's pairs of include and exclude flags.

use exporter_core::{ConfigError, Regex, Settings};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Verdicts that are remembered. Names come from the kernel and are few; the limit only keeps a host that makes and
/// drops interfaces all day from filling the memory.
const MAX_REMEMBERED: usize = 4096;

/// A pair of regular expressions, of which a user may set one. Matching is unanchored, as the peer's.
///
/// Verdicts are remembered: the same names come at every scrape, and a look-up costs a twentieth of a match.
#[derive(Debug)]
pub(crate) struct Filter {
    include: Option<Regex>,
    exclude: Option<Regex>,
    verdicts: HashMap<Box<[u8]>, bool, RandomState>,
}

impl Filter {
    /// The filter of two flags. A default of `exclude` gives way to a given `include`.
    ///
    /// # Errors
    /// A bad expression, or both flags given.
    pub(crate) fn new(settings: &Settings, include: &str, exclude: &str) -> Result<Self, ConfigError> {
        if !settings.text(include).is_empty()
            && settings.is_set(exclude)
            && !settings.text(exclude).is_empty()
        {
            return Err(ConfigError::new(format!(
                "--{include} and --{exclude} exclude each other: use one of them"
            )));
        }
        let include = settings.regex(include)?;
        let exclude = if include.is_some() { None } else { settings.regex(exclude)? };
        Ok(Self { include, exclude, verdicts: HashMap::default() })
    }

    /// The same for flags that had other names, include and exclude, which the peer still takes.
    ///
    /// # Errors
    /// As [`Filter::new`].
    pub(crate) fn renamed(
        settings: &Settings,
        names: [&str; 2],
        old: [Option<&'static str>; 2],
    ) -> Result<Self, ConfigError> {
        let [include, exclude] = names;
        let [old_include, old_exclude] = old;
        let given = |name, old: Option<&'static str>| match old.filter(|old| settings.is_set(old)) {
            None => Ok(name),
            Some(old) if settings.is_set(name) => {
                Err(ConfigError::new(format!("--{old} is the old name of --{name}: use one of them")))
            }
            Some(old) => {
                tracing::warn!("--{old} is an old name: use --{name}");
                Ok(old)
            }
        };
        Self::new(settings, given(include, old_include)?, given(exclude, old_exclude)?)
    }

    /// Everything.
    pub(crate) fn all() -> Self {
        Self { include: None, exclude: None, verdicts: HashMap::default() }
    }

    /// The filter of two flags that hold together, whether one or both are given.
    ///
    /// # Errors
    /// A bad expression.
    pub(crate) fn both(settings: &Settings, include: &str, exclude: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            include: settings.regex(include)?,
            exclude: settings.regex(exclude)?,
            verdicts: HashMap::default(),
        })
    }

    /// The filter of one flag that names what is wanted.
    ///
    /// # Errors
    /// A bad expression.
    pub(crate) fn including(settings: &Settings, flag: &str) -> Result<Self, ConfigError> {
        Ok(Self { include: settings.regex(flag)?, exclude: None, verdicts: HashMap::default() })
    }

    /// The filter of one flag that names what is not wanted.
    ///
    /// # Errors
    /// A bad expression.
    pub(crate) fn excluding(settings: &Settings, flag: &str) -> Result<Self, ConfigError> {
        Ok(Self { include: None, exclude: settings.regex(flag)?, verdicts: HashMap::default() })
    }

    /// Whether this name is reported.
    pub(crate) fn selects(&mut self, name: &[u8]) -> bool {
        if self.include.is_none() && self.exclude.is_none() {
            return true;
        }
        if let Some(verdict) = self.verdicts.get(name) {
            return *verdict;
        }
        let verdict = self.judge(name);
        if self.verdicts.len() < MAX_REMEMBERED {
            self.verdicts.insert(name.into(), verdict);
        }
        verdict
    }

    fn judge(&self, name: &[u8]) -> bool {
        let name = String::from_utf8_lossy(name);
        // A clone takes its working memory, tens of kilobytes, with it: it is not needed again while the names stay.
        let matches = |regex: &Regex| regex.clone().is_match(&name);
        self.include.as_ref().is_none_or(matches) && !self.exclude.as_ref().is_some_and(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exporter_core::Flag;

    fn filter(given: &[(&str, &str)]) -> Result<Filter, ConfigError> {
        let flags = [Flag::value("in", "", ""), Flag::value("ex", "^(lo|veth.*)$", "")];
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Filter::new(&Settings::new(&flags, &[], given)?, "in", "ex")
    }

    #[test]
    fn an_include_overrides_a_default_exclude() {
        let mut default = filter(&[]).unwrap();
        let mut lo = filter(&[("in", "lo")]).unwrap();
        for _ in 0..2 {
            assert!(default.selects(b"eth0") && !default.selects(b"lo") && !default.selects(b"veth12"));
            assert!(lo.selects(b"lo") && lo.selects(b"blow") && !lo.selects(b"eth0"));
        }
    }

    #[test]
    fn both_given_is_an_error() {
        let error = filter(&[("in", "a"), ("ex", "b")]).unwrap_err().to_string();
        assert!(error.contains("--in and --ex"), "{error}");
        assert!(filter(&[("in", "(")]).is_err());
        assert!(filter(&[("in", "a"), ("ex", "")]).is_ok());
    }
}

//! `collect[]`, `exclude[]` and `name[]` of a scrape's URL.

use crate::source::Collector;
use std::collections::BTreeSet;

/// What a scrape asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    collect: BTreeSet<String>,
    exclude: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// A filter that cannot be met; answered with 400, as the peers do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// Both forms in one URL.
    #[error("collect[] and exclude[] cannot stand in one URL: use one of them")]
    Both,
    /// Not a collector of this exporter, or one that is switched off.
    #[error("collector {0:?} is unknown or switched off: the landing page lists those that are on")]
    Unknown(String),
}

impl Filter {
    /// The filter in a URL's query string. Other parameters are not looked at.
    ///
    /// # Errors
    /// [`FilterError`], for the client.
    pub fn parse(
        query: &str,
        collectors: impl Iterator<Item = &'static Collector>,
    ) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for (name, value) in crate::http::query_pairs(query) {
            match name.as_str() {
                "collect[]" => filter.collect.insert(value),
                "exclude[]" => filter.exclude.insert(value),
                "name[]" => filter.names.insert(value),
                _ => false,
            };
        }
        if !filter.collect.is_empty() && !filter.exclude.is_empty() {
            return Err(FilterError::Both);
        }
        if filter.collect.is_empty() {
            // One configuration excludes on all hosts what only some have; the peers say nothing to it either.
            return Ok(filter);
        }
        let known: BTreeSet<&str> = collectors.map(|collector| collector.name).collect();
        match filter.collect.iter().find(|name| !known.contains(name.as_str())) {
            Some(unknown) => Err(FilterError::Unknown(unknown.clone())),
            None => Ok(filter),
        }
    }

    /// Whether this collector is wanted.
    pub fn selects(&self, collector: &str) -> bool {
        (self.collect.is_empty() || self.collect.contains(collector)) && !self.exclude.contains(collector)
    }

    /// Whether families are picked by name at all.
    pub fn by_name(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether this family is wanted.
    pub fn names(&self, family: &str) -> bool {
        self.names.is_empty() || self.names.contains(family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static A: Collector = Collector { name: "a", enabled: true, families: &[], dynamic: &[] };
    static B: Collector = Collector { name: "b", enabled: true, families: &[], dynamic: &[] };

    fn parse(query: &str) -> Result<Filter, FilterError> {
        Filter::parse(query, [&A, &B].into_iter())
    }

    #[test]
    fn selects() {
        let filter = parse("collect[]=a&x=1").unwrap();
        assert!(filter.selects("a") && !filter.selects("b"));
        let filter = parse("exclude%5B%5D=a&name[]=node_load1").unwrap();
        assert!(!filter.selects("a") && filter.selects("b"));
        assert!(filter.names("node_load1") && !filter.names("node_load5"));
        // What is not there anyway may be left out.
        let filter = parse("exclude[]=c&exclude[]=b").unwrap();
        assert!(filter.selects("a") && !filter.selects("b"));
    }

    #[test]
    fn refuses() {
        assert_eq!(parse("collect[]=a&exclude[]=b"), Err(FilterError::Both));
        assert_eq!(parse("collect[]=c"), Err(FilterError::Unknown("c".into())));
    }
}

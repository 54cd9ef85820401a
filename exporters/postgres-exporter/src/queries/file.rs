//! `queries.yaml`: the peer's form, and what we add to it.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

use exporter_core::{ConfigError, exposition};

/// A query as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    query: String,
    #[serde(default)]
    metrics: Vec<BTreeMap<String, RawColumn>>,
    /// Only where the connection string points.
    #[serde(default)]
    master: bool,
    #[serde(default)]
    cache_seconds: u64,
    /// Server versions, such as `>=12.0.0 <15.0.0`.
    #[serde(default)]
    runonserver: String,
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    timeout: f64,
    #[serde(default)]
    min_version: u32,
    #[serde(default)]
    max_version: u32,
    #[serde(default)]
    databases: Vec<String>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    requires: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    usage: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    metric_mapping: BTreeMap<String, f64>,
    #[serde(default)]
    pg_version: String,
}

/// Where a query runs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Primary,
    Standby,
}

/// A query, checked.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) columns: BTreeMap<String, Column>,
    pub(super) only_first: bool,
    pub(super) ttl: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) versions: Versions,
    /// Patterns; empty is all.
    pub(super) databases: Vec<String>,
    pub(super) role: Option<Role>,
    pub(super) requires: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) usage: Usage,
    pub(super) help: String,
    pub(super) versions: Versions,
}

/// What a column is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Usage {
    Discard,
    Label,
    Counter,
    Gauge,
    /// Words that stand for numbers.
    Mapped(BTreeMap<String, f64>),
    /// A duration as Go writes it.
    Duration,
    Histogram,
}

/// Reads the file.
///
/// # Errors
/// What cannot be used, by the name of its query.
pub(super) fn parse(text: &str) -> Result<Vec<Query>, ConfigError> {
    let raw: BTreeMap<String, Raw> =
        serde_yaml::from_str(text).map_err(|error| ConfigError::new(error.to_string()))?;
    raw.into_iter()
        .map(|(name, raw)| {
            query(&name, raw).map_err(|error| ConfigError::new(format!("query {name}: {error}")))
        })
        .collect()
}

fn query(name: &str, raw: Raw) -> Result<Query, ConfigError> {
    if !exposition::is_metric_name(name) {
        return Err(ConfigError::new("its name begins names of metrics: letters, digits and _ only"));
    }
    let mut columns = BTreeMap::new();
    for (column, raw) in raw.metrics.into_iter().flatten() {
        let place = |error: ConfigError| ConfigError::new(format!("column {column}: {error}"));
        let usage = usage(&raw).map_err(place)?;
        let versions = Versions::parse(&raw.pg_version).map_err(place)?;
        columns.insert(column, Column { usage, help: raw.description, versions });
    }
    let mut versions = Versions::parse(&raw.runonserver)?;
    versions.limit(raw.min_version, raw.max_version);
    let timeout = (raw.timeout > 0.0).then(|| Duration::try_from_secs_f64(raw.timeout).ok()).flatten();
    Ok(Query {
        name: name.to_owned(),
        sql: raw.query,
        columns,
        only_first: raw.master,
        ttl: Duration::from_secs(raw.ttl.max(raw.cache_seconds)),
        timeout,
        versions,
        databases: raw.databases,
        role: raw.role,
        requires: raw.requires,
    })
}

fn usage(raw: &RawColumn) -> Result<Usage, ConfigError> {
    Ok(match raw.usage.as_str() {
        "DISCARD" => Usage::Discard,
        "LABEL" => Usage::Label,
        "COUNTER" => Usage::Counter,
        "GAUGE" => Usage::Gauge,
        "MAPPEDMETRIC" => Usage::Mapped(raw.metric_mapping.clone()),
        "DURATION" => Usage::Duration,
        "HISTOGRAM" => Usage::Histogram,
        other => {
            return Err(ConfigError::new(format!(
                "usage {other:?}: write DISCARD, LABEL, COUNTER, GAUGE, MAPPEDMETRIC, DURATION or HISTOGRAM"
            )));
        }
    })
}

/// Ranges of server versions, `>=10.0.0 <11.0.0 || >=12.0.0`; none is all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Versions {
    either: Vec<Vec<(Comparison, i32)>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    Not,
    AtLeast,
    Greater,
}

const COMPARISONS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::Not),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

impl Versions {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::new(format!("versions {text:?}: write ranges like >=12.0.0 <15.0.0"));
        let mut either = Vec::new();
        for part in text.split("||").map(str::trim).filter(|part| !part.is_empty()) {
            let mut all = Vec::new();
            for word in part.split_whitespace() {
                let known = COMPARISONS.iter().find_map(|(sign, is)| Some((word.strip_prefix(sign)?, *is)));
                let (version, is) = known.unwrap_or((word, Comparison::Equal));
                all.push((is, number(version).ok_or_else(bad)?));
            }
            either.push(all);
        }
        Ok(Self { either })
    }

    /// Major versions, both ends included; 0 is open.
    fn limit(&mut self, min: u32, max: u32) {
        let mut own = Vec::new();
        if min > 0 {
            own.push((Comparison::AtLeast, i32::try_from(min * 10_000).unwrap_or(i32::MAX)));
        }
        if max > 0 {
            own.push((Comparison::Less, i32::try_from((max + 1) * 10_000).unwrap_or(i32::MAX)));
        }
        if self.either.is_empty() && !own.is_empty() {
            self.either.push(Vec::new());
        }
        self.either.iter_mut().for_each(|all| all.extend(&own));
    }

    /// Whether this `server_version_num` is within.
    pub(super) fn contain(&self, version: i32) -> bool {
        let holds = |(is, limit): &(Comparison, i32)| match is {
            Comparison::Less => version < *limit,
            Comparison::AtMost => version <= *limit,
            Comparison::Equal => version == *limit,
            Comparison::Not => version != *limit,
            Comparison::AtLeast => version >= *limit,
            Comparison::Greater => version > *limit,
        };
        self.either.is_empty() || self.either.iter().any(|all| all.iter().all(holds))
    }
}

/// `15.3.0` as `server_version_num` has it; before 10 the second number is part of the major version.
fn number(version: &str) -> Option<i32> {
    let mut parts = version.split('.').map(|part| part.parse::<i32>().ok());
    let (major, minor, patch) =
        (parts.next()??, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?);
    Some(if major >= 10 { major * 10_000 + minor } else { major * 10_000 + minor * 100 + patch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_file() {
        let text = "
pg_orders:
  query: \"SELECT state, count(*) AS count, max(took) AS took FROM orders GROUP BY 1\"
  master: true
  cache_seconds: 30
  runonserver: '>=12.0.0'
  metrics:
    - state:
        usage: \"LABEL\"
        description: \"State\"
    - count:
        usage: \"GAUGE\"
        description: \"Orders\"
";
        let queries = parse(text).unwrap();
        let [query] = queries.as_slice() else { panic!("{queries:?}") };
        assert!(query.only_first && query.ttl == Duration::from_secs(30));
        assert_eq!((query.columns["state"].usage.clone(), query.columns.len()), (Usage::Label, 2));
        assert!(query.versions.contain(150_003) && !query.versions.contain(110_000));
    }

    #[test]
    fn refuses_by_name() {
        for (text, told) in [
            ("pg x:\n  query: a", "query pg x"),
            ("q:\n  query: a\n  metrics:\n  - c: {usage: COUNT}", "column c"),
            ("q:\n  query: a\n  runonserver: soon", "soon"),
            ("q:\n  sql: a", "sql"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn versions() {
        let versions = Versions::parse(">=10.0.0 <11.0.0 || >14.2").unwrap();
        for (version, within) in
            [(90_600, false), (100_005, true), (110_000, false), (140_002, false), (140_003, true)]
        {
            assert_eq!(versions.contain(version), within, "{version}");
        }
        let mut majors = Versions::default();
        majors.limit(13, 15);
        assert!(majors.contain(150_018) && !majors.contain(160_000) && !majors.contain(120_022));
    }
}

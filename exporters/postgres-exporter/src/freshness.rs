//! x
use exporter_core::{Collector, ConfigError, Settings, SourceSpec};
use crate::connect::Connector;
pub(crate) static FRESHNESS: Collector = Collector { name: "freshness", enabled: true, families: &[], dynamic: &[] };
pub(crate) fn sources(_: &Settings, _: &Connector) -> Result<Vec<SourceSpec>, ConfigError> { Ok(Vec::new()) }

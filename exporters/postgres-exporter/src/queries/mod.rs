//! The user's own queries.
use exporter_core::{Collector, ConfigError, Settings, SourceSpec};
use crate::connect::Connector;
pub(crate) static QUERIES: Collector = Collector { name: "queries", enabled: true, families: &[], dynamic: &[] };
pub(crate) fn sources(_: &Settings, _: &Connector) -> Result<Vec<SourceSpec>, ConfigError> { Ok(Vec::new()) }

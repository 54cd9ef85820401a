//! x
use exporter_core::{Collector, ConfigError, Settings, SourceSpec};
pub(crate) static PGBOUNCER: Collector =
    Collector { name: "pgbouncer", enabled: true, families: &[], dynamic: &[] };
pub(crate) fn sources(_: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    Ok(Vec::new())
}

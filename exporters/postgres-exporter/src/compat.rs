//! How the peer named things before: in 0.19 by `--compat=0.19`, long ago by `--compat.old-names`.

use exporter_core::{CollectError, Desc, LabelValue, Page};

/// What published dashboards and rules still ask for, by today's name. Bloat and sizes of indexes by third parties'
/// queries are not among them: they have names of their own here.
const OLD: [(&str, &str); 11] = [
    ("pg_database_size_bytes", "pg_database_size"),
    ("pg_replication_lag_seconds", "pg_replication_lag"),
    ("pg_stat_bgwriter_buffers_alloc_total", "pg_stat_bgwriter_buffers_alloc"),
    ("pg_stat_bgwriter_buffers_backend_fsync_total", "pg_stat_bgwriter_buffers_backend_fsync"),
    ("pg_stat_bgwriter_buffers_backend_total", "pg_stat_bgwriter_buffers_backend"),
    ("pg_stat_bgwriter_buffers_checkpoint_total", "pg_stat_bgwriter_buffers_checkpoint"),
    ("pg_stat_bgwriter_buffers_clean_total", "pg_stat_bgwriter_buffers_clean"),
    ("pg_stat_bgwriter_checkpoint_sync_time_total", "pg_stat_bgwriter_checkpoint_sync_time"),
    ("pg_stat_bgwriter_checkpoint_write_time_total", "pg_stat_bgwriter_checkpoint_write_time"),
    ("pg_stat_statements_calls_total", "pg_stat_statements_calls"),
    ("pg_stat_statements_seconds_total", "pg_stat_statements_total_time_seconds"),
];

/// The name that this family once had.
pub(crate) fn old_name(desc: &Desc) -> Option<&'static str> {
    OLD.iter().find(|(now, _)| *now == desc.name).map(|(_, old)| *old)
}

/// A sample under a name of old.
pub(crate) fn put_old(
    page: &mut Page,
    desc: &Desc,
    name: &str,
    labels: &[&str],
    value: f64,
) -> Result<(), CollectError> {
    let values = labels.iter().map(|label| label as &dyn LabelValue);
    page.foreign(name, desc.kind, desc.help)?.put("", desc.labels.iter().copied().zip(values), value)?;
    Ok(())
}

/// A sample with the `server` label that 0.19 had.
pub(crate) fn put_legacy(
    page: &mut Page,
    desc: &Desc,
    labels: &[&str],
    server: &str,
    value: f64,
) -> Result<(), CollectError> {
    let names = desc.labels.iter().copied().chain(["server"]);
    let values = labels.iter().map(|label| label as &dyn LabelValue).chain([&server as &dyn LabelValue]);
    page.foreign(desc.name, desc.kind, desc.help)?.put("", names.zip(values), value)?;
    Ok(())
}

/// A sample of a slot under 0.19's name.
pub(crate) fn put_old_slot(
    page: &mut Page,
    desc: &Desc,
    labels: &[&str],
    value: f64,
) -> Result<(), CollectError> {
    let name = desc.name.replacen("pg_replication_slots_", "pg_replication_slot_", 1);
    put_old(page, desc, &name, labels, value)
}

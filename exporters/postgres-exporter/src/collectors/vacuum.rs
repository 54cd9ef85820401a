//! Vacuum at work, and what keeps it from removing rows.

use exporter_core::{CollectError, Family, Page};
use tokio_postgres::Row;

use super::State;
use crate::select::{Column, Query, Select, collector, gauge, labels};
use crate::server::Server;

collector!(pub(super) PROGRESS = "stat_progress_vacuum", on: true, columns: [PROGRESS_COLUMNS], families: [PHASE.desc()], dynamic: []);
collector!(pub(super) XMIN = "xmin_horizon", on: true, columns: [HOLDER_COLUMNS, PREPARED_COLUMNS], families: [], dynamic: []);

const TABLE: &[&str; 2] = &["datname", "relname"];

const PROGRESS_COLUMNS: &[Column<2>] = &[
    gauge("pg_stat_progress_vacuum_heap_blks", TABLE, "Blocks of the table.", "heap_blks_total"),
    gauge("pg_stat_progress_vacuum_heap_blks_scanned", TABLE, "Blocks scanned.", "heap_blks_scanned"),
    gauge("pg_stat_progress_vacuum_heap_blks_vacuumed", TABLE, "Blocks vacuumed.", "heap_blks_vacuumed"),
    gauge("pg_stat_progress_vacuum_index_vacuums", TABLE, "Passes over the indexes.", "index_vacuum_count"),
    gauge(
        "pg_stat_progress_vacuum_max_dead_tuples",
        TABLE,
        "Dead rows that fit before a pass over the indexes.",
        "max_dead_tuples",
    )
    .before(170_000),
    gauge(
        "pg_stat_progress_vacuum_num_dead_tuples",
        TABLE,
        "Dead rows collected since the last pass.",
        "num_dead_tuples",
    )
    .instead(170_000, "num_dead_item_ids"),
    gauge(
        "pg_stat_progress_vacuum_max_dead_tuple_bytes",
        TABLE,
        "Bytes for dead rows.",
        "max_dead_tuple_bytes",
    )
    .since(170_000),
    gauge(
        "pg_stat_progress_vacuum_dead_tuple_bytes",
        TABLE,
        "Bytes of dead rows collected.",
        "dead_tuple_bytes",
    )
    .since(170_000),
];
/// Tables of other databases have no name here, only a number.
macro_rules! relation {
    () => {
        "coalesce((SELECT relname::text FROM pg_class c WHERE c.oid = p.relid AND p.datname = current_database()), p.relid::text)"
    };
}
pub(super) static RUNNING: Select<2> =
    Select::new(["datname", relation!()], PROGRESS_COLUMNS, "pg_stat_progress_vacuum p");

static PHASE: Family<3> = Family::gauge(
    "pg_stat_progress_vacuum_phase",
    "Whether the vacuum is in this phase.",
    &["datname", "relname", "phase"],
);

const PHASE_NAMES: [&str; 7] = [
    "initializing",
    "scanning heap",
    "vacuuming indexes",
    "vacuuming heap",
    "cleaning up indexes",
    "truncating heap",
    "performing final cleanup",
];

/// One sample a phase, 1 for the current one.
pub(super) struct Phases;
pub(super) static PHASES: Phases = Phases;

impl Query for Phases {
    fn sql(&self, _: &Server) -> Option<String> {
        Some(
            concat!("SELECT datname::text, ", relation!(), ", phase FROM pg_stat_progress_vacuum p")
                .to_owned(),
        )
    }

    fn fill(&self, rows: &[Row], _: &Server, _: &mut State, page: &mut Page) -> Result<(), CollectError> {
        for row in rows {
            let [datname, relname, current] = labels(row)?;
            for phase in PHASE_NAMES {
                page.put(&PHASE, [&datname, &relname, &phase], phase == current);
            }
        }
        Ok(())
    }
}

const HOLDER_COLUMNS: &[Column<1>] = &[gauge(
    "pg_oldest_xmin_age",
    &["holder"],
    "Transactions since the oldest one whose rows vacuum has to keep, by who needs it.",
    "coalesce(h.age, 0)",
)];
pub(super) static HOLDERS: Select<1> = Select::new(
    ["h.holder"],
    HOLDER_COLUMNS,
    "(SELECT 'session' AS holder, (SELECT max(age(backend_xmin)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
     AND backend_type <> 'walsender') AS age \
     UNION ALL SELECT 'standby', (SELECT max(age(backend_xmin)) FROM pg_stat_replication) \
     UNION ALL SELECT 'slot', (SELECT max(greatest(age(xmin), age(catalog_xmin))) FROM pg_replication_slots) \
     UNION ALL SELECT 'prepared', (SELECT max(age(transaction)) FROM pg_prepared_xacts)) h",
);

const PREPARED_COLUMNS: &[Column<0>] = &[
    gauge("pg_prepared_transactions", &[], "Prepared transactions that wait for their end.", "count(*)"),
    gauge(
        "pg_prepared_transactions_oldest_seconds",
        &[],
        "Age of the oldest prepared transaction.",
        "coalesce(extract(epoch FROM now() - min(prepared)), 0)",
    ),
];
pub(super) static PREPARED: Select<0> = Select::new([], PREPARED_COLUMNS, "pg_prepared_xacts");

//! Databases and roles: `pg_stat_database`, `pg_database`, `pg_roles`.

use crate::select::{Column, Select, collector, counter, gauge, untyped};

collector!(pub(super) STAT_DATABASE = "stat_database", on: true, columns: [STAT_COLUMNS], families: [], dynamic: []);
collector!(pub(super) CONFLICTS = "stat_database_conflicts", on: true, columns: [CONFLICT_COLUMNS], families: [], dynamic: []);
collector!(pub(super) DATABASE = "database", on: true, columns: [SIZE_COLUMNS], families: [], dynamic: []);
collector!(pub(super) WRAPAROUND = "database_wraparound", on: true, columns: [AGE_COLUMNS], families: [], dynamic: []);
collector!(pub(super) ROLES = "roles", on: true, columns: [ROLE_COLUMNS], families: [], dynamic: []);

const DB: &[&str; 2] = &["datid", "datname"];
const NAME: &[&str; 1] = &["datname"];

const STAT_COLUMNS: &[Column<2>] = &[
    gauge("pg_stat_database_numbackends", DB, "Sessions in the database.", "numbackends"),
    counter("pg_stat_database_xact_commit", DB, "Transactions committed.", "xact_commit"),
    counter("pg_stat_database_xact_rollback", DB, "Transactions rolled back.", "xact_rollback"),
    counter("pg_stat_database_blks_read", DB, "Blocks read from outside the buffer cache.", "blks_read"),
    counter("pg_stat_database_blks_hit", DB, "Blocks found in the buffer cache.", "blks_hit"),
    counter("pg_stat_database_tup_returned", DB, "Rows read by scans.", "tup_returned"),
    counter("pg_stat_database_tup_fetched", DB, "Rows fetched by queries.", "tup_fetched"),
    counter("pg_stat_database_tup_inserted", DB, "Rows inserted.", "tup_inserted"),
    counter("pg_stat_database_tup_updated", DB, "Rows updated.", "tup_updated"),
    counter("pg_stat_database_tup_deleted", DB, "Rows deleted.", "tup_deleted"),
    counter("pg_stat_database_conflicts", DB, "Queries cancelled by conflicts with recovery.", "conflicts"),
    counter("pg_stat_database_temp_files", DB, "Temporary files written by queries.", "temp_files"),
    counter("pg_stat_database_temp_bytes", DB, "Bytes written to temporary files.", "temp_bytes"),
    counter("pg_stat_database_deadlocks", DB, "Deadlocks found.", "deadlocks"),
    counter(
        "pg_stat_database_blk_read_time",
        DB,
        "Milliseconds spent reading blocks (track_io_timing).",
        "blk_read_time",
    ),
    counter(
        "pg_stat_database_blk_write_time",
        DB,
        "Milliseconds spent writing blocks (track_io_timing).",
        "blk_write_time",
    ),
    counter(
        "pg_stat_database_stats_reset",
        DB,
        "When these statistics were last reset, in seconds since 1970; 0 is never.",
        "coalesce(extract(epoch FROM stats_reset), 0)",
    ),
    counter(
        "pg_stat_database_active_time_seconds_total",
        DB,
        "Time spent executing statements.",
        "active_time / 1000",
    )
    .since(140_000),
    counter(
        "pg_stat_database_session_time_seconds_total",
        DB,
        "Time spent in sessions.",
        "session_time / 1000",
    )
    .since(140_000),
    counter(
        "pg_stat_database_idle_in_transaction_time_seconds_total",
        DB,
        "Time that sessions were idle in a transaction.",
        "idle_in_transaction_time / 1000",
    )
    .since(140_000),
    counter("pg_stat_database_sessions_total", DB, "Sessions begun.", "sessions").since(140_000),
    counter(
        "pg_stat_database_sessions_abandoned_total",
        DB,
        "Sessions whose client vanished.",
        "sessions_abandoned",
    )
    .since(140_000),
    counter(
        "pg_stat_database_sessions_fatal_total",
        DB,
        "Sessions ended by a fatal error.",
        "sessions_fatal",
    )
    .since(140_000),
    counter(
        "pg_stat_database_sessions_killed_total",
        DB,
        "Sessions ended by an operator.",
        "sessions_killed",
    )
    .since(140_000),
    counter(
        "pg_stat_database_checksum_failures_total",
        DB,
        "Pages whose checksum was wrong.",
        "checksum_failures",
    ),
    counter(
        "pg_stat_database_parallel_workers_to_launch_total",
        DB,
        "Parallel workers that plans asked for.",
        "parallel_workers_to_launch",
    )
    .since(180_000),
    counter(
        "pg_stat_database_parallel_workers_launched_total",
        DB,
        "Parallel workers that were started.",
        "parallel_workers_launched",
    )
    .since(180_000),
];
pub(super) static STAT: Select<2> =
    Select::new(["datid", "datname"], STAT_COLUMNS, "pg_stat_database WHERE datname IS NOT NULL");

const CONFLICT_COLUMNS: &[Column<2>] = &[
    counter(
        "pg_stat_database_conflicts_confl_tablespace",
        DB,
        "Queries cancelled: tablespace dropped.",
        "confl_tablespace",
    ),
    counter(
        "pg_stat_database_conflicts_confl_lock",
        DB,
        "Queries cancelled: lock on the primary.",
        "confl_lock",
    ),
    counter(
        "pg_stat_database_conflicts_confl_snapshot",
        DB,
        "Queries cancelled: rows removed on the primary.",
        "confl_snapshot",
    ),
    counter(
        "pg_stat_database_conflicts_confl_bufferpin",
        DB,
        "Queries cancelled: buffer pinned.",
        "confl_bufferpin",
    ),
    counter(
        "pg_stat_database_conflicts_confl_deadlock",
        DB,
        "Queries cancelled: deadlock with recovery.",
        "confl_deadlock",
    ),
    untyped(
        "pg_stat_database_conflicts_confl_active_logicalslot",
        DB,
        "Logical slots invalidated by recovery.",
        "confl_active_logicalslot",
    )
    .since(160_000),
];
pub(super) static CONFLICTS_OF: Select<2> =
    Select::new(["datid", "datname"], CONFLICT_COLUMNS, "pg_stat_database_conflicts").legacy();

const SIZE_COLUMNS: &[Column<1>] = &[
    gauge("pg_database_connection_limit", NAME, "Sessions allowed; -1 is no limit.", "datconnlimit"),
    gauge(
        "pg_database_size_bytes",
        NAME,
        "Size on disk.",
        "CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') OR has_database_privilege(oid, 'CONNECT') \
         THEN pg_database_size(oid) END",
    ),
];
pub(super) static SIZES: Select<1> = Select::new(["datname"], SIZE_COLUMNS, "pg_database");

const AGE_COLUMNS: &[Column<1>] = &[
    gauge(
        "pg_database_wraparound_age_datfrozenxid_seconds",
        NAME,
        "Transactions (the peer's name says seconds) since the oldest one that is not frozen.",
        "age(datfrozenxid)",
    ),
    gauge(
        "pg_database_wraparound_age_datminmxid_seconds",
        NAME,
        "Multixacts (the peer's name says seconds) since the oldest one that is not frozen.",
        "mxid_age(datminmxid)",
    ),
];
pub(super) static AGES: Select<1> = Select::new(["datname"], AGE_COLUMNS, "pg_database WHERE datallowconn");

const ROLE_COLUMNS: &[Column<1>] =
    &[gauge("pg_roles_connection_limit", &["rolname"], "Sessions allowed; -1 is no limit.", "rolconnlimit")];
pub(super) static ROLES_OF: Select<1> = Select::new(["rolname"], ROLE_COLUMNS, "pg_roles");

//! Tables of one database: use, blocks, sizes.
//!
//! Statistics come by direct functions, which take no lock on the table. Sizes do, so tables that somebody has or wants
//! to have for himself are told by what the catalogue last knew.

use crate::select::{Column, Select, collector, counter, gauge};

collector!(pub(super) USER_TABLES = "stat_user_tables", on: true, columns: [USE_COLUMNS], families: [], dynamic: []);
collector!(pub(super) STATIO_TABLES = "statio_user_tables", on: true, columns: [BLOCK_COLUMNS], families: [], dynamic: []);
collector!(pub(super) SIZES = "table_sizes", on: true, columns: [SIZE_COLUMNS], families: [], dynamic: []);

const TABLE: &[&str; 3] = &["datname", "schemaname", "relname"];
const TABLE_OF: [&str; 3] = ["current_database()", "n.nspname", "c.relname"];

/// What `pg_stat_user_tables` shows; `p` came with PostgreSQL 14.
macro_rules! tables {
    ($kinds:literal) => {
        concat!(
            "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND c.relkind IN (",
            $kinds,
            ") AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'"
        )
    };
}

macro_rules! epoch {
    ($function:literal) => {
        concat!("coalesce(extract(epoch FROM ", $function, "(c.oid)), 0)")
    };
}

const USE_COLUMNS: &[Column<3>] = &[
    counter("pg_stat_user_tables_seq_scan", TABLE, "Sequential scans begun.", "pg_stat_get_numscans(c.oid)"),
    counter(
        "pg_stat_user_tables_seq_tup_read",
        TABLE,
        "Rows read by sequential scans.",
        "pg_stat_get_tuples_returned(c.oid)",
    ),
    counter("pg_stat_user_tables_idx_scan", TABLE, "Index scans begun.", "coalesce(i.scans, 0)"),
    counter(
        "pg_stat_user_tables_idx_tup_fetch",
        TABLE,
        "Rows fetched by index scans.",
        "coalesce(i.fetched + pg_stat_get_tuples_fetched(c.oid), 0)",
    ),
    counter("pg_stat_user_tables_n_tup_ins", TABLE, "Rows inserted.", "pg_stat_get_tuples_inserted(c.oid)"),
    counter("pg_stat_user_tables_n_tup_upd", TABLE, "Rows updated.", "pg_stat_get_tuples_updated(c.oid)"),
    counter("pg_stat_user_tables_n_tup_del", TABLE, "Rows deleted.", "pg_stat_get_tuples_deleted(c.oid)"),
    counter(
        "pg_stat_user_tables_n_tup_hot_upd",
        TABLE,
        "Rows updated without a new index entry.",
        "pg_stat_get_tuples_hot_updated(c.oid)",
    ),
    gauge("pg_stat_user_tables_n_live_tup", TABLE, "Rows, estimated.", "pg_stat_get_live_tuples(c.oid)"),
    gauge("pg_stat_user_tables_n_dead_tup", TABLE, "Dead rows, estimated.", "pg_stat_get_dead_tuples(c.oid)"),
    gauge(
        "pg_stat_user_tables_n_mod_since_analyze",
        TABLE,
        "Rows changed since the last analyze.",
        "pg_stat_get_mod_since_analyze(c.oid)",
    ),
    gauge(
        "pg_stat_user_tables_n_ins_since_vacuum",
        TABLE,
        "Rows inserted since the last vacuum.",
        "pg_stat_get_ins_since_vacuum(c.oid)",
    )
    .since(130_000),
    gauge(
        "pg_stat_user_tables_last_vacuum",
        TABLE,
        "Last vacuum by hand, in seconds since 1970; 0 is never.",
        epoch!("pg_stat_get_last_vacuum_time"),
    ),
    gauge(
        "pg_stat_user_tables_last_autovacuum",
        TABLE,
        "Last autovacuum, in seconds since 1970; 0 is never.",
        epoch!("pg_stat_get_last_autovacuum_time"),
    ),
    gauge(
        "pg_stat_user_tables_last_analyze",
        TABLE,
        "Last analyze by hand, in seconds since 1970; 0 is never.",
        epoch!("pg_stat_get_last_analyze_time"),
    ),
    gauge(
        "pg_stat_user_tables_last_autoanalyze",
        TABLE,
        "Last autoanalyze, in seconds since 1970; 0 is never.",
        epoch!("pg_stat_get_last_autoanalyze_time"),
    ),
    counter("pg_stat_user_tables_vacuum_count", TABLE, "Vacuums by hand.", "pg_stat_get_vacuum_count(c.oid)"),
    counter(
        "pg_stat_user_tables_autovacuum_count",
        TABLE,
        "Autovacuums.",
        "pg_stat_get_autovacuum_count(c.oid)",
    ),
    counter(
        "pg_stat_user_tables_analyze_count",
        TABLE,
        "Analyzes by hand.",
        "pg_stat_get_analyze_count(c.oid)",
    ),
    counter(
        "pg_stat_user_tables_autoanalyze_count",
        TABLE,
        "Autoanalyzes.",
        "pg_stat_get_autoanalyze_count(c.oid)",
    ),
];

macro_rules! used {
    ($kinds:literal) => {
        concat!(
            tables!($kinds),
            " LEFT JOIN (SELECT indrelid, sum(pg_stat_get_numscans(indexrelid)) AS scans, \
             sum(pg_stat_get_tuples_fetched(indexrelid)) AS fetched FROM pg_index GROUP BY indrelid) i \
             ON i.indrelid = c.oid"
        )
    };
}
pub(super) static USE: Select<3> =
    Select::new(TABLE_OF, USE_COLUMNS, used!("'r', 'm'")).instead(140_000, used!("'r', 'm', 'p'"));

/// Blocks read and hit of a relation, by its oid.
macro_rules! read {
    ($oid:literal) => {
        concat!("coalesce(pg_stat_get_blocks_fetched(", $oid, ") - pg_stat_get_blocks_hit(", $oid, "), 0)")
    };
}
macro_rules! hit {
    ($oid:literal) => {
        concat!("coalesce(pg_stat_get_blocks_hit(", $oid, "), 0)")
    };
}

const BLOCK_COLUMNS: &[Column<3>] = &[
    counter("pg_statio_user_tables_heap_blocks_read", TABLE, "Blocks read of the table.", read!("c.oid")),
    counter(
        "pg_statio_user_tables_heap_blocks_hit",
        TABLE,
        "Blocks of the table found in the cache.",
        hit!("c.oid"),
    ),
    counter(
        "pg_statio_user_tables_idx_blocks_read",
        TABLE,
        "Blocks read of its indexes.",
        "coalesce(i.read, 0)",
    ),
    counter(
        "pg_statio_user_tables_idx_blocks_hit",
        TABLE,
        "Blocks of its indexes found in the cache.",
        "coalesce(i.hit, 0)",
    ),
    counter(
        "pg_statio_user_tables_toast_blocks_read",
        TABLE,
        "Blocks read of its TOAST table.",
        read!("c.reltoastrelid"),
    ),
    counter(
        "pg_statio_user_tables_toast_blocks_hit",
        TABLE,
        "Blocks of its TOAST table found in the cache.",
        hit!("c.reltoastrelid"),
    ),
    counter(
        "pg_statio_user_tables_tidx_blocks_read",
        TABLE,
        "Blocks read of its TOAST table's indexes.",
        "coalesce(t.read, 0)",
    ),
    counter(
        "pg_statio_user_tables_tidx_blocks_hit",
        TABLE,
        "Blocks of its TOAST table's indexes found in the cache.",
        "coalesce(t.hit, 0)",
    ),
];

macro_rules! index_blocks {
    ($name:literal, $on:literal) => {
        concat!(
            " LEFT JOIN (SELECT indrelid, sum(pg_stat_get_blocks_fetched(indexrelid) - pg_stat_get_blocks_hit(indexrelid)) \
             AS read, sum(pg_stat_get_blocks_hit(indexrelid)) AS hit FROM pg_index GROUP BY indrelid) ",
            $name,
            " ON ",
            $name,
            ".indrelid = ",
            $on
        )
    };
}
pub(super) static BLOCKS: Select<3> = Select::new(
    TABLE_OF,
    BLOCK_COLUMNS,
    concat!(tables!("'r', 'm'"), index_blocks!("i", "c.oid"), index_blocks!("t", "c.reltoastrelid")),
);

const SIZE_COLUMNS: &[Column<3>] = &[
    gauge(
        "pg_stat_user_tables_index_size_bytes",
        TABLE,
        "Size of its indexes; the last one known while somebody holds an exclusive lock.",
        "CASE WHEN h.relation IS NULL THEN pg_indexes_size(c.oid) ELSE coalesce((SELECT sum(x.relpages::int8) FROM pg_index i \
         JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid), 0) * current_setting('block_size')::int8 END",
    ),
    gauge(
        "pg_stat_user_tables_table_size_bytes",
        TABLE,
        "Size of the table with TOAST, free space and visibility maps; the last one known while somebody holds an \
         exclusive lock.",
        "CASE WHEN h.relation IS NULL THEN pg_table_size(c.oid) \
         ELSE c.relpages::int8 * current_setting('block_size')::int8 END",
    ),
];

macro_rules! sized {
    ($kinds:literal) => {
        concat!(
            tables!($kinds),
            " LEFT JOIN (SELECT DISTINCT coalesce(i.indrelid, t.oid, l.relation) AS relation FROM pg_locks l \
             LEFT JOIN pg_index i ON i.indexrelid = l.relation LEFT JOIN pg_class t ON t.reltoastrelid = l.relation \
             WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())) h ON h.relation = c.oid"
        )
    };
}
pub(super) static SIZES_OF: Select<3> =
    Select::new(TABLE_OF, SIZE_COLUMNS, sized!("'r', 'm'")).instead(140_000, sized!("'r', 'm', 'p'"));

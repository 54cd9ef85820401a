//! Indexes of one database: use, size, validity. The largest ones only: an unused small index costs nobody sleep.

use crate::select::{Column, Select, collector, counter, gauge};

collector!(pub(super) USER_INDEXES = "stat_user_indexes", on: true, columns: [USE_COLUMNS, INVALID_COLUMNS], families: [], dynamic: []);
collector!(pub(super) STATIO_INDEXES = "statio_user_indexes", on: false, columns: [BLOCK_COLUMNS], families: [], dynamic: []);

const INDEX: &[&str; 4] = &["datname", "schemaname", "relname", "indexrelname"];

const USE_COLUMNS: &[Column<4>] = &[
    counter(
        "pg_stat_user_indexes_idx_scan_total",
        INDEX,
        "Scans of the index; of the 300 largest ones.",
        "pg_stat_get_numscans(x.oid)",
    ),
    gauge(
        "pg_stat_user_indexes_size_bytes",
        INDEX,
        "Size of the index when it was last vacuumed or analyzed; of the 300 largest ones.",
        "x.relpages::int8 * current_setting('block_size')::int8",
    ),
];
pub(super) static USE: Select<4> = Select::new(
    ["current_database()", "n.nspname", "c.relname", "x.relname"],
    USE_COLUMNS,
    "pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid \
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND x.relkind = 'i' \
     AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast' \
     ORDER BY x.relpages DESC, x.oid LIMIT 300",
);

const INVALID_COLUMNS: &[Column<1>] = &[gauge(
    "pg_invalid_indexes",
    &["datname"],
    "Indexes that are kept up to date but not used: their concurrent build has failed, or is under way.",
    "count(*)",
)];
pub(super) static INVALID: Select<1> =
    Select::new(["current_database()"], INVALID_COLUMNS, "pg_index WHERE NOT indisvalid");

const BLOCKS_OF: &[&str; 3] = &["schemaname", "relname", "indexrelname"];

const BLOCK_COLUMNS: &[Column<3>] = &[
    counter(
        "pg_statio_user_indexes_idx_blks_read_total",
        BLOCKS_OF,
        "Blocks read of the index.",
        "idx_blks_read",
    ),
    counter(
        "pg_statio_user_indexes_idx_blks_hit_total",
        BLOCKS_OF,
        "Blocks of the index found in the cache.",
        "idx_blks_hit",
    ),
];
pub(super) static BLOCKS: Select<3> =
    Select::new(["schemaname", "relname", "indexrelname"], BLOCK_COLUMNS, "pg_statio_user_indexes");

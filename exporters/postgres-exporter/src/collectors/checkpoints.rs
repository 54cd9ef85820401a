//! Checkpoints and who writes: `pg_stat_bgwriter`, `pg_stat_checkpointer`, `pg_stat_io`, `pg_stat_slru`.
//!
//! PostgreSQL 17 has moved most of the background writer's columns. Their families stay, filled from where the figures
//! are now, so that dashboards keep working.

use crate::select::{Column, Select, collector, counter};

collector!(pub(super) BGWRITER = "stat_bgwriter", on: true, columns: [WRITER_COLUMNS], families: [], dynamic: []);
collector!(pub(super) CHECKPOINTER = "stat_checkpointer", on: true, columns: [CHECKPOINT_COLUMNS], families: [], dynamic: []);
collector!(pub(super) IO = "stat_io", on: true, columns: [IO_COLUMNS], families: [], dynamic: []);
collector!(pub(super) SLRU = "stat_slru", on: true, columns: [SLRU_COLUMNS], families: [], dynamic: []);

/// Writes of relations by others than the checkpointer and the background writer.
macro_rules! backends {
    ($column:literal) => {
        concat!(
            "(SELECT coalesce(sum(",
            $column,
            "), 0) FROM pg_stat_io WHERE object = 'relation' \
             AND backend_type NOT IN ('checkpointer', 'background writer'))"
        )
    };
}

const WRITER_COLUMNS: &[Column<0>] = &[
    counter(
        "pg_stat_bgwriter_checkpoints_timed_total",
        &[],
        "Checkpoints by schedule.",
        "b.checkpoints_timed",
    )
    .instead(170_000, "c.num_timed"),
    counter("pg_stat_bgwriter_checkpoints_req_total", &[], "Checkpoints by request.", "b.checkpoints_req")
        .instead(170_000, "c.num_requested"),
    counter(
        "pg_stat_bgwriter_checkpoint_write_time_total",
        &[],
        "Milliseconds of writing in checkpoints.",
        "b.checkpoint_write_time",
    )
    .instead(170_000, "c.write_time"),
    counter(
        "pg_stat_bgwriter_checkpoint_sync_time_total",
        &[],
        "Milliseconds of syncing in checkpoints.",
        "b.checkpoint_sync_time",
    )
    .instead(170_000, "c.sync_time"),
    counter(
        "pg_stat_bgwriter_buffers_checkpoint_total",
        &[],
        "Buffers written by checkpoints.",
        "b.buffers_checkpoint",
    )
    .instead(170_000, "c.buffers_written"),
    counter(
        "pg_stat_bgwriter_buffers_clean_total",
        &[],
        "Buffers written by the background writer.",
        "b.buffers_clean",
    ),
    counter(
        "pg_stat_bgwriter_maxwritten_clean_total",
        &[],
        "Times that the background writer stopped at its limit.",
        "b.maxwritten_clean",
    ),
    counter(
        "pg_stat_bgwriter_buffers_backend_total",
        &[],
        "Buffers that sessions had to write.",
        "b.buffers_backend",
    )
    .instead(170_000, backends!("writes")),
    counter(
        "pg_stat_bgwriter_buffers_backend_fsync_total",
        &[],
        "Syncs that sessions had to do.",
        "b.buffers_backend_fsync",
    )
    .instead(170_000, backends!("fsyncs")),
    counter("pg_stat_bgwriter_buffers_alloc_total", &[], "Buffers allocated.", "b.buffers_alloc"),
    counter(
        "pg_stat_bgwriter_stats_reset_total",
        &[],
        "When these statistics were last reset, in seconds since 1970.",
        "coalesce(extract(epoch FROM b.stats_reset), 0)",
    ),
];
pub(super) static WRITER: Select<0> = Select::new([], WRITER_COLUMNS, "pg_stat_bgwriter b")
    .instead(170_000, "pg_stat_bgwriter b CROSS JOIN pg_stat_checkpointer c");

const CHECKPOINT_COLUMNS: &[Column<0>] = &[
    counter("pg_stat_checkpointer_num_timed_total", &[], "Checkpoints by schedule.", "num_timed"),
    counter("pg_stat_checkpointer_num_requested_total", &[], "Checkpoints by request.", "num_requested"),
    counter("pg_stat_checkpointer_num_done_total", &[], "Checkpoints finished.", "num_done").since(180_000),
    counter(
        "pg_stat_checkpointer_restartpoints_timed_total",
        &[],
        "Restartpoints by schedule.",
        "restartpoints_timed",
    ),
    counter(
        "pg_stat_checkpointer_restartpoints_req_total",
        &[],
        "Restartpoints by request.",
        "restartpoints_req",
    ),
    counter(
        "pg_stat_checkpointer_restartpoints_done_total",
        &[],
        "Restartpoints finished.",
        "restartpoints_done",
    ),
    counter("pg_stat_checkpointer_write_time_total", &[], "Milliseconds of writing.", "write_time"),
    counter("pg_stat_checkpointer_sync_time_total", &[], "Milliseconds of syncing.", "sync_time"),
    counter("pg_stat_checkpointer_buffers_written_total", &[], "Buffers written.", "buffers_written"),
    counter(
        "pg_stat_checkpointer_stats_reset_total",
        &[],
        "When these statistics were last reset, in seconds since 1970.",
        "coalesce(extract(epoch FROM stats_reset), 0)",
    ),
];
pub(super) static CHECKPOINTS: Select<0> =
    Select::new([], CHECKPOINT_COLUMNS, "pg_stat_checkpointer").since(170_000);

const BY: &[&str; 3] = &["backend_type", "object", "context"];

const IO_COLUMNS: &[Column<3>] = &[
    counter("pg_stat_io_reads_total", BY, "Reads.", "reads"),
    counter("pg_stat_io_writes_total", BY, "Writes.", "writes"),
    counter("pg_stat_io_extends_total", BY, "Extensions of relations.", "extends"),
    counter("pg_stat_io_hits_total", BY, "Blocks found in the buffer cache.", "hits"),
    counter("pg_stat_io_evictions_total", BY, "Blocks that had to make room.", "evictions"),
    counter("pg_stat_io_fsyncs_total", BY, "Syncs.", "fsyncs"),
    counter(
        "pg_stat_io_read_time_seconds_total",
        BY,
        "Time spent reading (track_io_timing).",
        "read_time / 1000",
    ),
    counter(
        "pg_stat_io_write_time_seconds_total",
        BY,
        "Time spent writing (track_io_timing).",
        "write_time / 1000",
    ),
];
/// Kinds that have never done anything are left out; they are most.
pub(super) static IO_BY: Select<3> = Select::new(
    ["backend_type", "object", "context"],
    IO_COLUMNS,
    "pg_stat_io WHERE coalesce(reads, 0) + coalesce(writes, 0) + coalesce(extends, 0) + coalesce(hits, 0) \
     + coalesce(fsyncs, 0) > 0",
)
.since(160_000);

const SLRU_COLUMNS: &[Column<1>] = &[
    counter("pg_stat_slru_blks_hit_total", &["name"], "Blocks found in this cache.", "blks_hit"),
    counter("pg_stat_slru_blks_read_total", &["name"], "Blocks read into this cache.", "blks_read"),
    counter("pg_stat_slru_blks_written_total", &["name"], "Blocks written from this cache.", "blks_written"),
];
pub(super) static SLRUS: Select<1> = Select::new(["name"], SLRU_COLUMNS, "pg_stat_slru").since(130_000);

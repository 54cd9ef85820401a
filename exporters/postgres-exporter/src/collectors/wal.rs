//! The write-ahead log: its files, the archiver, base backups.

use crate::select::{Column, Select, collector, counter, gauge};

collector!(pub(super) WAL = "wal", on: true, columns: [SEGMENT_COLUMNS], families: [], dynamic: []);
collector!(pub(super) ARCHIVER = "stat_archiver", on: true, columns: [ARCHIVE_COLUMNS], families: [], dynamic: []);
collector!(pub(super) STAT_WAL = "stat_wal", on: true, columns: [WRITE_COLUMNS], families: [], dynamic: []);
collector!(pub(super) BASEBACKUP = "stat_progress_basebackup", on: true, columns: [BACKUP_COLUMNS], families: [], dynamic: []);

const SEGMENT_COLUMNS: &[Column<0>] = &[
    gauge("pg_wal_segments", &[], "Files of the write-ahead log.", "count(*)"),
    gauge("pg_wal_size_bytes", &[], "Bytes of the write-ahead log.", "coalesce(sum(size), 0)"),
    gauge(
        "pg_wal_archive_ready_segments",
        &[],
        "Files that wait to be archived.",
        "(SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready')",
    ),
];
pub(super) static SEGMENTS: Select<0> =
    Select::new([], SEGMENT_COLUMNS, "pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'");

const ARCHIVE_COLUMNS: &[Column<0>] = &[
    counter("pg_stat_archiver_archived_count", &[], "Files archived.", "archived_count"),
    counter("pg_stat_archiver_failed_count", &[], "Attempts to archive a file that failed.", "failed_count"),
    gauge(
        "pg_stat_archiver_last_archive_age",
        &[],
        "Seconds since a file was last archived; NaN is never.",
        "coalesce(extract(epoch FROM now() - last_archived_time)::float8, 'NaN')",
    ),
    gauge(
        "pg_stat_archiver_last_archived_timestamp_seconds",
        &[],
        "When a file was last archived, in seconds since 1970.",
        "extract(epoch FROM last_archived_time)",
    ),
    gauge(
        "pg_stat_archiver_last_failed_timestamp_seconds",
        &[],
        "When archiving a file last failed, in seconds since 1970.",
        "extract(epoch FROM last_failed_time)",
    ),
];
pub(super) static ARCHIVED: Select<0> = Select::new([], ARCHIVE_COLUMNS, "pg_stat_archiver").legacy();

const WRITE_COLUMNS: &[Column<0>] = &[
    counter("pg_stat_wal_records_total", &[], "Records written.", "wal_records"),
    counter("pg_stat_wal_fpi_total", &[], "Full page images written.", "wal_fpi"),
    counter("pg_stat_wal_bytes_total", &[], "Bytes written.", "wal_bytes"),
    counter(
        "pg_stat_wal_buffers_full_total",
        &[],
        "Times that WAL was written because its buffers were full.",
        "wal_buffers_full",
    ),
];
pub(super) static WRITTEN: Select<0> = Select::new([], WRITE_COLUMNS, "pg_stat_wal").since(140_000);

const BACKUP_COLUMNS: &[Column<0>] = &[
    gauge("pg_stat_progress_basebackup_running", &[], "Base backups under way.", "count(*)"),
    gauge(
        "pg_stat_progress_basebackup_total_bytes",
        &[],
        "Bytes to send, where that is known.",
        "coalesce(sum(backup_total), 0)",
    ),
    gauge(
        "pg_stat_progress_basebackup_streamed_bytes",
        &[],
        "Bytes sent.",
        "coalesce(sum(backup_streamed), 0)",
    ),
];
pub(super) static BACKUPS: Select<0> =
    Select::new([], BACKUP_COLUMNS, "pg_stat_progress_basebackup").since(130_000);

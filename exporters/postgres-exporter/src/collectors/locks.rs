//! Locks by mode, and who waits for whom.

use crate::select::{Column, Select, collector, gauge};

collector!(pub(super) LOCKS = "locks", on: true, columns: [COUNT_COLUMNS], families: [], dynamic: []);
collector!(pub(super) BLOCKING = "blocking", on: true, columns: [BLOCKED_COLUMNS], families: [], dynamic: []);

const NAME: &[&str; 1] = &["datname"];

const COUNT_COLUMNS: &[Column<2>] =
    &[gauge("pg_locks_count", &["datname", "mode"], "Locks held or waited for.", "coalesce(l.count, 0)")];
pub(super) static COUNT: Select<2> = Select::new(
    ["d.datname", "m.mode"],
    COUNT_COLUMNS,
    "pg_database d CROSS JOIN unnest(ARRAY['accesssharelock', 'rowsharelock', 'rowexclusivelock', \
     'shareupdateexclusivelock', 'sharelock', 'sharerowexclusivelock', 'exclusivelock', 'accessexclusivelock', \
     'sireadlock']) AS m(mode) LEFT JOIN (SELECT database, lower(mode) AS mode, count(*) AS count FROM pg_locks \
     WHERE database IS NOT NULL GROUP BY 1, 2) l ON l.database = d.oid AND l.mode = m.mode",
);

const BLOCKED_COLUMNS: &[Column<1>] = &[
    gauge("pg_blocked_sessions", NAME, "Sessions that wait for a lock.", "coalesce(w.blocked, 0)"),
    gauge("pg_blocking_sessions", NAME, "Sessions that others wait for.", "coalesce(w.blocking, 0)"),
    gauge(
        "pg_blocked_oldest_seconds",
        NAME,
        "How long the longest waiting session has waited for its lock (before PostgreSQL 14: has run its query).",
        "coalesce(w.oldest, 0)",
    ),
];
/// Blockers are looked for only where somebody waits: looking stops the lock manager for a moment.
pub(super) static BLOCKED: Select<1> = Select::new(
    ["d.datname"],
    BLOCKED_COLUMNS,
    "pg_database d LEFT JOIN (SELECT a.datid, count(DISTINCT a.pid) AS blocked, count(DISTINCT b.pid) AS blocking, \
     max(extract(epoch FROM clock_timestamp() - a.query_start)) AS oldest FROM pg_stat_activity a \
     LEFT JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS b(pid) ON true \
     WHERE a.wait_event_type = 'Lock' GROUP BY a.datid) w ON w.datid = d.oid WHERE d.datallowconn",
)
.instead(
    140_000,
    "pg_database d LEFT JOIN (SELECT a.datid, count(DISTINCT a.pid) AS blocked, count(DISTINCT b.pid) AS blocking, \
     max(extract(epoch FROM clock_timestamp() - coalesce(l.since, a.query_start))) AS oldest FROM pg_stat_activity a \
     LEFT JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS b(pid) ON true \
     LEFT JOIN LATERAL (SELECT min(waitstart) AS since FROM pg_locks WHERE pid = a.pid AND NOT granted) l ON true \
     WHERE a.wait_event_type = 'Lock' GROUP BY a.datid) w ON w.datid = d.oid WHERE d.datallowconn",
);

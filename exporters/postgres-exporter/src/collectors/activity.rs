//! Sessions, from `pg_stat_activity`: how many in which state, how old, and how many may still come.

use exporter_core::{CollectError, Family, Page};
use std::fmt::Write as _;
use tokio_postgres::Row;

use super::State;
use crate::select::{Column, Query, Select, collector, gauge, labels};
use crate::server::Server;

collector!(pub(super) STAT_ACTIVITY = "stat_activity", on: true, columns: [STATE_COLUMNS], families: [], dynamic: []);
collector!(pub(super) SESSIONS = "sessions", on: true, columns: [OLDEST_COLUMNS, PLACE_COLUMNS],
    families: [SLOW_QUERIES.desc(), IDLE_SESSIONS.desc()], dynamic: []);
collector!(pub(super) LONG_RUNNING = "long_running_transactions", on: true, columns: [TRANSACTION_COLUMNS], families: [], dynamic: []);
collector!(pub(super) AUTOVACUUM = "stat_activity_autovacuum", on: true, columns: [WORKER_COLUMNS], families: [], dynamic: []);

const STATE: &[&str; 7] =
    &["datname", "state", "usename", "application_name", "backend_type", "wait_event_type", "wait_event"];
const NAME: &[&str; 1] = &["datname"];

const STATE_COLUMNS: &[Column<7>] = &[
    gauge("pg_stat_activity_count", STATE, "Sessions in this state.", "coalesce(a.count, 0)"),
    gauge(
        "pg_stat_activity_max_tx_duration",
        STATE,
        "Age of the oldest transaction of these sessions, in seconds.",
        "coalesce(a.oldest, 0)",
    ),
];
/// Every state of every database is there, so that a state nobody is in is 0 and not absent.
pub(super) static STATES: Select<7> = Select::new(
    [
        "d.datname",
        "s.state",
        "a.usename",
        "a.application_name",
        "a.backend_type",
        "a.wait_event_type",
        "a.wait_event",
    ],
    STATE_COLUMNS,
    "pg_database d CROSS JOIN unnest(ARRAY['active', 'idle', 'idle in transaction', \
     'idle in transaction (aborted)', 'fastpath function call', 'disabled']) AS s(state) \
     LEFT JOIN (SELECT datid, state, usename, application_name, backend_type, wait_event_type, wait_event, \
     count(*) AS count, max(extract(epoch FROM now() - xact_start)) AS oldest FROM pg_stat_activity \
     WHERE pid <> pg_backend_pid() GROUP BY 1, 2, 3, 4, 5, 6, 7) a ON a.datid = d.oid AND a.state = s.state",
)
.legacy();

const OLDEST_COLUMNS: &[Column<1>] = &[
    gauge("pg_oldest_query_seconds", NAME, "Age of the oldest running query.", "coalesce(a.query, 0)"),
    gauge("pg_oldest_transaction_seconds", NAME, "Age of the oldest transaction.", "coalesce(a.xact, 0)"),
    gauge(
        "pg_oldest_idle_in_transaction_seconds",
        NAME,
        "Time since the longest idle session in a transaction did something.",
        "coalesce(a.idle, 0)",
    ),
];
pub(super) static OLDEST: Select<1> = Select::new(
    ["d.datname"],
    OLDEST_COLUMNS,
    "pg_database d LEFT JOIN (SELECT datid, \
     extract(epoch FROM now() - min(query_start) FILTER (WHERE state = 'active')) AS query, \
     extract(epoch FROM now() - min(xact_start)) AS xact, \
     extract(epoch FROM now() - min(state_change) FILTER (WHERE state LIKE 'idle in transaction%')) AS idle \
     FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' GROUP BY datid) a \
     ON a.datid = d.oid WHERE d.datallowconn",
);

const PLACE_COLUMNS: &[Column<0>] = &[
    gauge(
        "pg_connections_used",
        &[],
        "Client sessions.",
        "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    ),
    gauge(
        "pg_connections_available",
        &[],
        "Client sessions that ordinary roles can have: max_connections without reserved ones.",
        "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int \
         - coalesce(current_setting('reserved_connections', true)::int, 0)",
    ),
];
pub(super) static PLACES: Select<0> = Select::new([], PLACE_COLUMNS, "(VALUES (1)) AS one");

static SLOW_QUERIES: Family<2> = Family::gauge(
    "pg_slow_queries",
    "Queries that have been running for at least this many seconds.",
    &["datname", "threshold"],
);
static IDLE_SESSIONS: Family<2> = Family::gauge(
    "pg_idle_in_transaction_sessions",
    "Sessions that have been idle in a transaction for at least this many seconds.",
    &["datname", "threshold"],
);

/// Counts by the thresholds that the user names.
pub(super) struct Slow;
pub(super) static SLOW: Slow = Slow;

impl Query for Slow {
    fn sql(&self, server: &Server) -> Option<String> {
        if server.knobs.thresholds.is_empty() {
            return None;
        }
        let mut thresholds = String::new();
        for threshold in &server.knobs.thresholds {
            let _ = write!(thresholds, "({threshold}::float8),");
        }
        thresholds.pop();
        Some(format!(
            "SELECT d.datname::text, t.t::text, \
             count(*) FILTER (WHERE a.state = 'active' AND extract(epoch FROM now() - a.query_start) >= t.t)::float8, \
             count(*) FILTER (WHERE a.state LIKE 'idle in transaction%' \
             AND extract(epoch FROM now() - a.state_change) >= t.t)::float8 \
             FROM pg_database d CROSS JOIN (VALUES {thresholds}) AS t(t) LEFT JOIN pg_stat_activity a \
             ON a.datid = d.oid AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend' \
             WHERE d.datallowconn GROUP BY 1, 2"
        ))
    }

    fn fill(&self, rows: &[Row], _: &Server, _: &mut State, page: &mut Page) -> Result<(), CollectError> {
        for (family, column) in [(&SLOW_QUERIES, 2), (&IDLE_SESSIONS, 3)] {
            for row in rows {
                let [datname, threshold] = labels(row)?;
                page.put(family, [&datname, &threshold], row.try_get::<_, f64>(column)?);
            }
        }
        Ok(())
    }
}

const TRANSACTION_COLUMNS: &[Column<0>] = &[
    gauge("pg_long_running_transactions", &[], "Transactions under way.", "count(*)"),
    gauge(
        "pg_long_running_transactions_oldest_timestamp_seconds",
        &[],
        "Age (the peer's name says timestamp) of the oldest transaction, in seconds.",
        "coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)",
    ),
];
pub(super) static TRANSACTIONS: Select<0> = Select::new(
    [],
    TRANSACTION_COLUMNS,
    "pg_stat_activity WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%' \
     AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
);

const WORKER_COLUMNS: &[Column<1>] = &[gauge(
    "pg_stat_activity_autovacuum_timestamp_seconds",
    &["relname"],
    "When autovacuum began with this table, in seconds since 1970.",
    "max(extract(epoch FROM xact_start))",
)];
pub(super) static WORKERS: Select<1> = Select::new(
    ["split_part(query, '.', 2)"],
    WORKER_COLUMNS,
    "pg_stat_activity WHERE query LIKE 'autovacuum:%' GROUP BY split_part(query, '.', 2)",
);

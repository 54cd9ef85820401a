//! What the console's answers mean: columns by their names.

use exporter_core::{CollectError, Family, LabelValue, Page};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::select::{Column, counter, gauge};

/// A command of the console and what its rows mean.
pub(super) trait Show: Sync {
    fn command(&self) -> &'static str;
    fn put(&self, rows: &[SimpleQueryMessage], page: &mut Page) -> Result<(), CollectError>;
}

/// A command that answers with a row a thing: labels by their columns, values by theirs.
pub(super) struct Rows<const N: usize> {
    command: &'static str,
    labels: [&'static str; N],
    columns: &'static [Column<N>],
}

/// A command that answers with a row a value: its name, the value.
pub(super) struct Values {
    command: &'static str,
    columns: &'static [Column<0>],
}

/// `SHOW VERSION`.
pub(super) struct Version;

const POOL: &[&str; 2] = &["database", "user"];
pub(super) const POOL_COLUMNS: &[Column<2>] = &[
    gauge(
        "pgbouncer_pools_client_active_connections",
        POOL,
        "Clients linked to a server connection, or idle.",
        "cl_active",
    ),
    gauge(
        "pgbouncer_pools_client_waiting_connections",
        POOL,
        "Clients waiting for a server connection.",
        "cl_waiting",
    ),
    gauge(
        "pgbouncer_pools_client_active_cancel_connections",
        POOL,
        "Clients whose request to cancel is with the server.",
        "cl_active_cancel_req",
    ),
    gauge(
        "pgbouncer_pools_client_waiting_cancel_connections",
        POOL,
        "Clients whose request to cancel is not with the server yet.",
        "cl_waiting_cancel_req",
    ),
    gauge(
        "pgbouncer_pools_server_active_connections",
        POOL,
        "Server connections linked to a client.",
        "sv_active",
    ),
    gauge(
        "pgbouncer_pools_server_active_cancel_connections",
        POOL,
        "Server connections that carry a request to cancel.",
        "sv_active_cancel",
    ),
    gauge(
        "pgbouncer_pools_server_being_canceled_connections",
        POOL,
        "Server connections kept from use until requests to cancel are done.",
        "sv_being_canceled",
    ),
    gauge("pgbouncer_pools_server_idle_connections", POOL, "Server connections ready for use.", "sv_idle"),
    gauge(
        "pgbouncer_pools_server_used_connections",
        POOL,
        "Server connections that are checked before their next use.",
        "sv_used",
    ),
    gauge(
        "pgbouncer_pools_server_testing_connections",
        POOL,
        "Server connections being checked or reset.",
        "sv_tested",
    ),
    gauge("pgbouncer_pools_server_login_connections", POOL, "Server connections logging in.", "sv_login"),
    gauge(
        "pgbouncer_pools_client_maxwait_seconds",
        POOL,
        "How long the first client in the queue has waited.",
        "maxwait",
    ),
];
pub(super) static POOLS: Rows<2> =
    Rows { command: "SHOW POOLS", labels: ["database", "user"], columns: POOL_COLUMNS };

const DATABASE: &[&str; 1] = &["database"];
pub(super) const TOTAL_COLUMNS: &[Column<1>] = &[
    counter("pgbouncer_stats_queries_pooled_total", DATABASE, "Queries pooled.", "query_count"),
    counter(
        "pgbouncer_stats_queries_duration_seconds_total",
        DATABASE,
        "Time of queries on servers.",
        "query_time",
    ),
    counter("pgbouncer_stats_received_bytes_total", DATABASE, "Bytes received.", "bytes_received"),
    counter("pgbouncer_stats_sent_bytes_total", DATABASE, "Bytes sent.", "bytes_sent"),
    counter(
        "pgbouncer_stats_client_wait_seconds_total",
        DATABASE,
        "Time that clients waited for a server.",
        "wait_time",
    ),
    counter("pgbouncer_stats_sql_transactions_pooled_total", DATABASE, "Transactions pooled.", "xact_count"),
    counter(
        "pgbouncer_stats_server_in_transaction_seconds_total",
        DATABASE,
        "Time that servers were in a transaction.",
        "xact_time",
    ),
    counter(
        "pgbouncer_stats_client_parses_total",
        DATABASE,
        "Statements that clients prepared.",
        "client_parse_count",
    ),
    counter(
        "pgbouncer_stats_server_parses_total",
        DATABASE,
        "Statements prepared on servers.",
        "server_parse_count",
    ),
    counter("pgbouncer_stats_binds_total", DATABASE, "Prepared statements bound.", "bind_count"),
    counter(
        "pgbouncer_stats_server_assignments_total",
        DATABASE,
        "Times that a server was given to a client.",
        "server_assignment_count",
    ),
];
pub(super) static TOTALS: Rows<1> =
    Rows { command: "SHOW STATS_TOTALS", labels: ["database"], columns: TOTAL_COLUMNS };

const PLACE: &[&str; 6] = &["name", "host", "port", "database", "force_user", "pool_mode"];
pub(super) const DATABASE_COLUMNS: &[Column<6>] = &[
    gauge("pgbouncer_databases_pool_size", PLACE, "Server connections of a pool at most.", "pool_size"),
    gauge(
        "pgbouncer_databases_min_pool_size",
        PLACE,
        "Server connections that a pool keeps.",
        "min_pool_size",
    ),
    gauge(
        "pgbouncer_databases_reserve_pool",
        PLACE,
        "Server connections beyond that for clients that wait.",
        "reserve_pool",
    ),
    gauge(
        "pgbouncer_databases_max_connections",
        PLACE,
        "Server connections of the database at most; 0 is no limit.",
        "max_connections",
    ),
    gauge(
        "pgbouncer_databases_current_connections",
        PLACE,
        "Server connections of the database.",
        "current_connections",
    ),
    gauge(
        "pgbouncer_databases_max_client_connections",
        PLACE,
        "Clients of the database at most; 0 is no limit.",
        "max_client_connections",
    ),
    gauge(
        "pgbouncer_databases_current_client_connections",
        PLACE,
        "Clients of the database.",
        "current_client_connections",
    ),
    gauge("pgbouncer_databases_paused", PLACE, "Whether the database is paused.", "paused"),
    gauge("pgbouncer_databases_disabled", PLACE, "Whether the database takes no clients.", "disabled"),
];
pub(super) static DATABASES: Rows<6> =
    Rows { command: "SHOW DATABASES", labels: *PLACE, columns: DATABASE_COLUMNS };

pub(super) const LIST_COLUMNS: &[Column<0>] = &[
    gauge("pgbouncer_databases", &[], "Databases.", "databases"),
    gauge("pgbouncer_users", &[], "Users.", "users"),
    gauge("pgbouncer_pools", &[], "Pools.", "pools"),
    gauge("pgbouncer_free_clients", &[], "Places for clients that are made and free.", "free_clients"),
    gauge("pgbouncer_used_clients", &[], "Clients.", "used_clients"),
    gauge("pgbouncer_login_clients", &[], "Clients logging in.", "login_clients"),
    gauge(
        "pgbouncer_free_servers",
        &[],
        "Places for server connections that are made and free.",
        "free_servers",
    ),
    gauge("pgbouncer_used_servers", &[], "Server connections.", "used_servers"),
    gauge("pgbouncer_cached_dns_names", &[], "Names in the cache.", "dns_names"),
    gauge("pgbouncer_cached_dns_zones", &[], "Zones in the cache.", "dns_zones"),
    gauge("pgbouncer_in_flight_dns_queries", &[], "Queries of names under way.", "dns_queries"),
];
pub(super) static LISTS: Values = Values { command: "SHOW LISTS", columns: LIST_COLUMNS };

pub(super) const CONFIG_COLUMNS: &[Column<0>] = &[
    gauge("pgbouncer_config_max_client_connections", &[], "Clients at most.", "max_client_conn"),
    gauge(
        "pgbouncer_config_max_user_connections",
        &[],
        "Server connections of a user at most.",
        "max_user_connections",
    ),
    gauge(
        "pgbouncer_config_max_db_connections",
        &[],
        "Server connections of a database at most.",
        "max_db_connections",
    ),
    gauge(
        "pgbouncer_config_default_pool_size",
        &[],
        "Server connections of a pool at most.",
        "default_pool_size",
    ),
];
pub(super) static CONFIG: Values = Values { command: "SHOW CONFIG", columns: CONFIG_COLUMNS };

pub(super) static VERSION_INFO: Family<1> =
    Family::gauge("pgbouncer_version_info", "PgBouncer's version; always 1.", &["version"]);
pub(super) static VERSION: Version = Version;

impl<const N: usize> Show for Rows<N> {
    fn command(&self) -> &'static str {
        self.command
    }

    fn put(&self, messages: &[SimpleQueryMessage], page: &mut Page) -> Result<(), CollectError> {
        for row in rows(messages) {
            let labels = self.labels.map(|name| text(row, name).unwrap_or_default());
            for column in self.columns {
                if let Some(value) = value(row, column.expression) {
                    page.put(&column.family, labels.each_ref().map(|label| label as &dyn LabelValue), value);
                }
            }
        }
        Ok(())
    }
}

impl Show for Values {
    fn command(&self) -> &'static str {
        self.command
    }

    fn put(&self, messages: &[SimpleQueryMessage], page: &mut Page) -> Result<(), CollectError> {
        for row in rows(messages) {
            let (Some(name), Some(value)) =
                (row.get(0), row.get(1).and_then(|value| value.parse::<f64>().ok()))
            else {
                continue;
            };
            for column in self.columns.iter().filter(|column| column.expression == name) {
                page.put(&column.family, [], value);
            }
        }
        Ok(())
    }
}

impl Show for Version {
    fn command(&self) -> &'static str {
        "SHOW VERSION"
    }

    fn put(&self, messages: &[SimpleQueryMessage], page: &mut Page) -> Result<(), CollectError> {
        for version in rows(messages).filter_map(|row| row.get(0)) {
            page.put(&VERSION_INFO, [&version], 1.0);
        }
        Ok(())
    }
}

fn rows(messages: &[SimpleQueryMessage]) -> impl Iterator<Item = &SimpleQueryRow> {
    messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

fn text<'a>(row: &'a SimpleQueryRow, column: &str) -> Option<&'a str> {
    let at = row.columns().iter().position(|own| own.name() == column)?;
    row.get(at)
}

/// A number; the console tells times in microseconds, and waits in whole seconds with the rest beside them.
fn value(row: &SimpleQueryRow, column: &str) -> Option<f64> {
    // Renamed between 1.18 and 1.26.
    let renamed = || (column == "reserve_pool").then(|| text(row, "reserve_pool_size")).flatten();
    let number: f64 = text(row, column).or_else(renamed)?.parse().ok()?;
    Some(if column == "maxwait" {
        let rest = text(row, "maxwait_us").and_then(|rest| rest.parse::<f64>().ok());
        number + rest.unwrap_or(0.0) / 1e6
    } else if column.ends_with("_time") {
        number / 1e6
    } else {
        number
    })
}

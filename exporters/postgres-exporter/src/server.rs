//! What is known about a server from one session, asked again at each scrape: a standby may have become a primary.

use std::sync::Arc;
use tokio_postgres::{Error, Row};

/// Facts on which statements depend.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Server {
    /// `server_version_num`, 150018 for 15.18.
    pub(crate) version: i32,
    /// What `version()` says.
    pub(crate) version_text: String,
    pub(crate) in_recovery: bool,
    pub(crate) database: String,
    pub(crate) user: String,
    /// Whether the role may see what `pg_monitor` sees.
    pub(crate) is_monitor: bool,
    /// Whether the role may read all tables (14 and later).
    pub(crate) reads_all: bool,
    pub(crate) statements: Option<Extension>,
    /// Where the extension `pg_buffercache` is, quoted.
    pub(crate) buffercache: Option<String>,
    pub(crate) commit_timestamps: bool,
    pub(crate) knobs: Arc<Knobs>,
}

/// An extension's place, quoted, and the second number of its version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Extension {
    pub(crate) schema: String,
    pub(crate) minor: i32,
}

/// What the user wants of the statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Knobs {
    /// Value of the `server` label, where 0.19's names are wanted.
    pub(crate) label: Option<String>,
    /// Whether samples also stand under names of old.
    pub(crate) old_names: bool,
    /// Ages, in seconds, from which on queries and idle transactions are counted.
    pub(crate) thresholds: Vec<f64>,
    pub(crate) statements: StatementKnobs,
}

/// How much of pg_stat_statements is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StatementKnobs {
    pub(crate) limit: usize,
    pub(crate) query_length: usize,
    pub(crate) exclude_databases: Vec<String>,
    pub(crate) exclude_users: Vec<String>,
}

/// One row of facts; the order is [`Server::read`]'s.
pub(crate) const FACTS: &str = "\
SELECT current_setting('server_version_num')::int4, version()::text, pg_is_in_recovery(), current_database()::text, \
session_user::text, pg_has_role('pg_monitor', 'USAGE'), \
(SELECT bool_or(pg_has_role(oid, 'USAGE')) FROM pg_roles WHERE rolname = 'pg_read_all_data'), \
(SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
WHERE extname = 'pg_stat_statements')::text, \
(SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
WHERE extname = 'pg_buffercache')::text, \
current_setting('track_commit_timestamp')::bool, \
(SELECT split_part(extversion, '.', 2)::int4 FROM pg_extension WHERE extname = 'pg_stat_statements')";

impl Server {
    pub(crate) fn read(row: &Row, knobs: Arc<Knobs>) -> Result<Self, Error> {
        Ok(Self {
            version: row.try_get(0)?,
            version_text: row.try_get(1)?,
            in_recovery: row.try_get(2)?,
            database: row.try_get(3)?,
            user: row.try_get(4)?,
            is_monitor: row.try_get(5)?,
            reads_all: row.try_get::<_, Option<bool>>(6)?.unwrap_or(false),
            statements: match (row.try_get(7)?, row.try_get(10)?) {
                (Some(schema), Some(minor)) => Some(Extension { schema, minor }),
                _ => None,
            },
            buffercache: row.try_get(8)?,
            commit_timestamps: row.try_get(9)?,
            knobs,
        })
    }

    /// `15.18.0`, as the peer writes it.
    pub(crate) fn short_version(&self) -> String {
        format!("{}.{}.0", self.version / 10_000, self.version % 10_000)
    }
}

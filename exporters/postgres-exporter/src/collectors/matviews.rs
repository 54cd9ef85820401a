//! Materialized views: size, and when they were last refreshed, which no view of PostgreSQL tells.
//!
//! Each form of REFRESH writes the view's row of `pg_class` anew, so the row's `xmin` is the refresh's transaction, and
//! `track_commit_timestamp` knows its time. Without that, the time at which a new `xmin` was first seen is told; unknown
//! until the first refresh that was seen. GRANT and ALTER look like a refresh.

use exporter_core::{CollectError, Family, Page};
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::Row;

use super::State;
use crate::select::{Query, collector, labels};
use crate::server::Server;

collector!(pub(super) MATVIEWS = "matviews", on: true, columns: [],
    families: [POPULATED.desc(), SIZE.desc(), REFRESHED.desc()], dynamic: []);

static POPULATED: Family<3> = Family::gauge(
    "pg_matview_populated",
    "Whether the materialized view can be read.",
    &["datname", "schemaname", "matviewname"],
);
static SIZE: Family<3> = Family::gauge(
    "pg_matview_size_bytes",
    "Size of the materialized view when it was last vacuumed, analyzed or refreshed.",
    &["datname", "schemaname", "matviewname"],
);
static REFRESHED: Family<4> = Family::gauge(
    "pg_matview_last_refresh_timestamp_seconds",
    "When the materialized view was last refreshed, in seconds since 1970: by its commit, or when that was first seen.",
    &["datname", "schemaname", "matviewname", "source"],
);

/// Views at most, a database.
const MAX: usize = 1000;

/// The `xmin` of each view by database and oid, and when it was first seen to have changed.
#[derive(Debug, Default)]
pub(super) struct Memory {
    told: bool,
    seen: HashMap<(String, String), (String, Option<f64>)>,
}

impl Memory {
    fn changed(&mut self, database: &str, oid: &str, xmin: &str, now: f64) -> Option<f64> {
        let key = (database.to_owned(), oid.to_owned());
        let known = self.seen.entry(key).or_insert_with(|| (xmin.to_owned(), None));
        if known.0 != xmin {
            *known = (xmin.to_owned(), Some(now));
        }
        known.1
    }
}

/// Materialized views and their `xmin`.
pub(super) struct Views;
pub(super) static VIEWS: Views = Views;

impl Query for Views {
    fn sql(&self, server: &Server) -> Option<String> {
        let time =
            if server.commit_timestamps { "pg_xact_commit_timestamp(c.xmin)" } else { "NULL::timestamptz" };
        Some(format!(
            "SELECT n.nspname::text, c.relname::text, c.oid::text, c.xmin::text, c.relispopulated, \
             (c.relpages::int8 * current_setting('block_size')::int8)::float8, \
             extract(epoch FROM {time})::float8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'm' ORDER BY c.oid LIMIT {MAX}"
        ))
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        state: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let database = server.database.as_str();
        if state.matviews.seen.len() > 4 * MAX {
            // Views come and go; the price of forgetting is a refresh time that is unknown until the next one.
            state.matviews.seen.clear();
        }
        if !rows.is_empty() && !server.commit_timestamps && !std::mem::replace(&mut state.matviews.told, true)
        {
            tracing::warn!(
                "refreshes of materialized views are known from the first one that is seen on; for their exact times run \
                 as a superuser: ALTER SYSTEM SET track_commit_timestamp = on; and restart the server"
            );
        }
        for row in rows {
            let [schema, view, oid, xmin] = labels(row)?;
            let names: [&dyn exporter_core::LabelValue; 3] = [&database, &schema, &view];
            page.put(&POPULATED, names, row.try_get::<_, bool>(4)?);
            page.put(&SIZE, names, row.try_get::<_, f64>(5)?);
            let observed = state.matviews.changed(database, oid, xmin, now);
            let (source, time) = match row.try_get::<_, Option<f64>>(6)? {
                Some(time) => ("commit_timestamp", Some(time)),
                None => ("observed", observed),
            };
            if let Some(time) = time {
                page.put(&REFRESHED, [&database, &schema, &view, &source], time);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_knows_no_time() {
        let mut memory = Memory::default();
        assert_eq!(memory.changed("d", "1", "700", 10.0), None);
        assert_eq!(memory.changed("d", "1", "700", 20.0), None);
        assert_eq!(memory.changed("d", "1", "701", 30.0), Some(30.0));
        assert_eq!(memory.changed("d", "1", "701", 40.0), Some(30.0));
        assert_eq!(memory.changed("e", "1", "701", 40.0), None);
    }
}

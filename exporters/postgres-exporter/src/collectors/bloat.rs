//! Bloat of tables, estimated from planner statistics: off by default, since they take `pg_read_all_data`.

use crate::select::{Column, Query, Select, collector, gauge};
use crate::server::Server;
use exporter_core::{CollectError, Page};
use tokio_postgres::Row;

use super::State;

collector!(pub(super) BLOAT = "bloat", on: false, columns: [COLUMNS], families: [], dynamic: []);

const TABLE: &[&str; 3] = &["datname", "schemaname", "relname"];

const COLUMNS: &[Column<3>] = &[
    gauge(
        "pg_table_bloat_ratio",
        TABLE,
        "Estimated share of a table's pages that a rewrite would free; of tables of 100 pages and more.",
        "greatest(0, 1 - e.needed / e.relpages)",
    ),
    gauge(
        "pg_table_bloat_bytes",
        TABLE,
        "Estimated bytes of a table that a rewrite would free; of tables of 100 pages and more.",
        "greatest(0, e.relpages - e.needed) * current_setting('block_size')::int8",
    ),
];

/// Pages that the rows would need: mean widths, 4 + 24 bytes a row, half an alignment a row, the fill factor.
static SELECT: Select<3> = Select::new(
    ["current_database()", "e.nspname", "e.relname"],
    COLUMNS,
    "(SELECT n.nspname, c.relname, c.relpages, ceil(c.reltuples * (s.width + 28 + 4) \
     / ((current_setting('block_size')::int - 24) * coalesce((SELECT option_value::float8 FROM \
     pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100) / 100)) AS needed \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN (SELECT schemaname, tablename, \
     sum((1 - null_frac) * avg_width) AS width FROM pg_stats WHERE NOT inherited GROUP BY 1, 2) s \
     ON s.schemaname = n.nspname AND s.tablename = c.relname \
     WHERE c.relkind IN ('r', 'm') AND c.relpages >= 100 AND c.reltuples >= 0 \
     AND n.nspname NOT IN ('pg_catalog', 'information_schema')) e",
);

/// The estimate, where the role may read the statistics.
pub(super) struct Estimate;
pub(super) static ESTIMATE: Estimate = Estimate;

impl Query for Estimate {
    fn sql(&self, server: &Server) -> Option<String> {
        SELECT.sql(server)
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        state: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        if rows.is_empty() && !server.reads_all {
            let role = server.user.replace('"', "\"\"");
            return Err(CollectError::failed(format!(
                "planner statistics are hidden from this role; as a superuser run: GRANT pg_read_all_data TO \"{role}\";"
            )));
        }
        SELECT.fill(rows, server, state, page)
    }
}

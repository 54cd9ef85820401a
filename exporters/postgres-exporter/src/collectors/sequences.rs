//! How far sequences have come: one that has reached its end fails every insert. Off by default, since to read them takes
//! more than `pg_monitor`.

use exporter_core::{CollectError, Page};
use tokio_postgres::Row;

use super::State;
use crate::select::{Column, Query, Select, collector, gauge};
use crate::server::Server;

collector!(pub(super) SEQUENCES = "sequences", on: false, columns: [COLUMNS], families: [], dynamic: []);

const SEQUENCE: &[&str; 3] = &["datname", "schemaname", "sequencename"];

const COLUMNS: &[Column<3>] = &[gauge(
    "pg_sequence_used_ratio",
    SEQUENCE,
    "Share of the sequence's numbers that are used up; of the 100 nearest to their end.",
    "q.used",
)];

static SELECT: Select<3> = Select::new(
    ["current_database()", "q.nspname", "q.relname"],
    COLUMNS,
    "(SELECT n.nspname, c.relname, pg_sequence_last_value(s.seqrelid)::float8 / s.seqmax AS used \
     FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE s.seqincrement > 0 AND NOT s.seqcycle AND c.relpersistence = 'p' \
     AND has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')) q WHERE q.used IS NOT NULL ORDER BY q.used DESC LIMIT 100",
);

/// The ratios, where the role may read sequences.
pub(super) struct Used;
pub(super) static USED: Used = Used;

impl Query for Used {
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
                "no sequence can be read; as a superuser run: GRANT pg_read_all_data TO \"{role}\"; (before 14: GRANT SELECT \
                 ON ALL SEQUENCES IN SCHEMA … TO \"{role}\";)"
            )));
        }
        SELECT.fill(rows, server, state, page)
    }
}

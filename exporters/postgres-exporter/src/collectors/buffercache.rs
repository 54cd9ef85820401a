//! What is in the buffer cache, by the extension pg_buffercache (PostgreSQL 16 and later).

use exporter_core::{CollectError, Family, Page};
use tokio_postgres::Row;

use super::State;
use crate::select::{Query, collector};
use crate::server::Server;

collector!(pub(super) BUFFERCACHE = "buffercache_summary", on: false, columns: [],
    families: [USED.desc(), UNUSED.desc(), DIRTY.desc(), PINNED.desc(), AVERAGE.desc()], dynamic: []);

static USED: Family<0> = Family::gauge("pg_buffercache_summary_buffers_used", "Buffers in use.", &[]);
static UNUSED: Family<0> = Family::gauge("pg_buffercache_summary_buffers_unused", "Buffers not in use.", &[]);
static DIRTY: Family<0> =
    Family::gauge("pg_buffercache_summary_buffers_dirty", "Buffers to be written.", &[]);
static PINNED: Family<0> = Family::gauge("pg_buffercache_summary_buffers_pinned", "Buffers pinned.", &[]);
static AVERAGE: Family<0> =
    Family::gauge("pg_buffercache_summary_usagecount_avg", "Mean use count of used buffers.", &[]);

/// The extension may be in any schema.
pub(super) struct Summary;
pub(super) static SUMMARY: Summary = Summary;

impl Query for Summary {
    fn sql(&self, server: &Server) -> Option<String> {
        let schema = server.buffercache.as_ref().filter(|_| server.version >= 160_000)?;
        Some(format!(
            "SELECT buffers_used::float8, buffers_unused::float8, buffers_dirty::float8, buffers_pinned::float8, \
             usagecount_avg::float8 FROM {schema}.pg_buffercache_summary()"
        ))
    }

    fn fill(&self, rows: &[Row], _: &Server, _: &mut State, page: &mut Page) -> Result<(), CollectError> {
        for row in rows {
            for (at, family) in [&USED, &UNUSED, &DIRTY, &PINNED, &AVERAGE].into_iter().enumerate() {
                if let Some(value) = row.try_get::<_, Option<f64>>(at)? {
                    page.put(family, [], value);
                }
            }
        }
        Ok(())
    }
}

//! Idle sessions as a histogram, and the start of the server.

use exporter_core::{CollectError, Family, Page};
use tokio_postgres::Row;

use super::State;
use crate::select::{Column, Query, Select, collector, gauge, labels};
use crate::server::Server;

collector!(pub(super) POSTMASTER = "postmaster", on: true, columns: [START_COLUMNS], families: [], dynamic: []);
collector!(pub(super) PROCESS_IDLE = "process_idle", on: false, columns: [], families: [SECONDS.desc()], dynamic: []);

const START_COLUMNS: &[Column<0>] = &[gauge(
    "pg_postmaster_start_time_seconds",
    &[],
    "When the server was started, in seconds since 1970.",
    "extract(epoch FROM pg_postmaster_start_time())",
)];
pub(super) static START: Select<0> = Select::new([], START_COLUMNS, "(VALUES (1)) AS one");

static SECONDS: Family<2> = Family::new(
    exporter_core::Kind::Histogram,
    "pg_process_idle_seconds",
    "How long idle sessions have been idle.",
    &["application_name", "state"],
);

const BOUNDS: [f64; 9] = [1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 90.0, 120.0, 300.0];

/// Sessions idle for at most so many seconds, by state and application.
pub(super) struct Idle;
pub(super) static IDLE: Idle = Idle;

impl Query for Idle {
    fn sql(&self, _: &Server) -> Option<String> {
        Some(
            "SELECT application_name::text, state::text, \
             array_agg(extract(epoch FROM now() - state_change)::float8)::float8[] FROM pg_stat_activity \
             WHERE state LIKE 'idle%' AND pid <> pg_backend_pid() GROUP BY 1, 2"
                .to_owned(),
        )
    }

    fn fill(&self, rows: &[Row], _: &Server, _: &mut State, page: &mut Page) -> Result<(), CollectError> {
        for row in rows {
            let [application, state] = labels(row)?;
            let ages: Vec<Option<f64>> = row.try_get(2)?;
            let ages: Vec<f64> = ages.into_iter().flatten().map(|age| age.max(0.0).floor()).collect();
            let buckets =
                BOUNDS.map(|bound| (bound, ages.iter().filter(|age| **age <= bound).count() as u64));
            page.histogram(&SECONDS, [&application, &state], buckets, ages.len() as u64, ages.iter().sum());
        }
        Ok(())
    }
}

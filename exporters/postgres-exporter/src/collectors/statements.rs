//! The dearest statements, by the extension pg_stat_statements.
//!
//! The server ranks; a statement that is shown stays shown until it has fallen well below the limit, so that series do not
//! flicker. What is not shown is in the databases' totals, which only grow: the extension forgets statements, we do not.

use exporter_core::{CollectError, Family, Kind, Page};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;

use super::State;
use super::literals::without_literals;
use crate::compat::{old_name, put_old};
use crate::select::{Query, collector, labels};
use crate::server::{Extension, Server, StatementKnobs};

collector!(pub(super) STATEMENTS = "stat_statements", on: true, columns: [],
    families: [CALLS.desc(), SECONDS.desc(), ROWS.desc(), READ.desc(), WRITE.desc(), ALL_CALLS.desc(), ALL_SECONDS.desc(),
        ENTRIES.desc()], dynamic: []);
collector!(pub(super) TEXTS = "stat_statements_text", on: false, columns: [], families: [QUERY_ID.desc()], dynamic: []);

const BY: &[&str; 3] = &["user", "datname", "queryid"];
static CALLS: Family<3> = Family::counter("pg_stat_statements_calls_total", "Executions.", BY);
static SECONDS: Family<3> = Family::counter("pg_stat_statements_seconds_total", "Time of executions.", BY);
static ROWS: Family<3> = Family::counter("pg_stat_statements_rows_total", "Rows returned or changed.", BY);
static READ: Family<3> =
    Family::counter("pg_stat_statements_block_read_seconds_total", "Time spent reading blocks.", BY);
static WRITE: Family<3> =
    Family::counter("pg_stat_statements_block_write_seconds_total", "Time spent writing blocks.", BY);
static ALL_CALLS: Family<1> = Family::counter(
    "pg_stat_statements_database_calls_total",
    "Executions of all statements of the database, shown or not.",
    &["datname"],
);
static ALL_SECONDS: Family<1> = Family::counter(
    "pg_stat_statements_database_seconds_total",
    "Time of executions of all statements of the database, shown or not.",
    &["datname"],
);
static ENTRIES: Family<0> =
    Family::gauge("pg_stat_statements_entries", "Statements that the extension knows.", &[]);
static QUERY_ID: Family<2> = Family::new(
    Kind::Counter,
    "pg_stat_statements_query_id",
    "The text of a statement, without its literals; always 1.",
    &["queryid", "query"],
);

/// What was shown, and what the totals have grown to.
#[derive(Debug, Default)]
pub(super) struct Memory {
    shown: HashSet<[String; 3]>,
    totals: HashMap<String, [Growing; 2]>,
}

/// A sum that only grows, whatever its source forgets.
#[derive(Clone, Copy, Debug, Default)]
struct Growing {
    last: f64,
    sum: f64,
}

impl Growing {
    fn next(&mut self, value: f64) -> f64 {
        self.sum += (value - self.last).max(0.0);
        self.last = value;
        self.sum
    }
}

/// Ranked beyond the limit by this factor a statement is no longer shown.
fn patience(limit: usize) -> usize {
    limit + limit / 2
}

/// Which of the ranked keys to show: the first `limit`, and those that were shown and are still near.
fn show(shown: &HashSet<[String; 3]>, ranked: &[[&str; 3]], limit: usize) -> Vec<bool> {
    let near = |at: usize, key: &[&str; 3]| {
        at < limit || (at < patience(limit) && shown.contains(&key.map(str::to_owned)))
    };
    ranked.iter().enumerate().map(|(at, key)| near(at, key)).collect()
}

fn source(extension: &Extension, knobs: &StatementKnobs, text: bool) -> String {
    let time = if extension.minor >= 8 { "total_exec_time" } else { "total_time" };
    let (read, write) = if extension.minor >= 11 {
        ("shared_blk_read_time + local_blk_read_time", "shared_blk_write_time + local_blk_write_time")
    } else {
        ("blk_read_time", "blk_write_time")
    };
    let mut wanted = String::new();
    for (column, names) in
        [("d.datname", &knobs.exclude_databases), ("pg_get_userbyid(s.userid)", &knobs.exclude_users)]
    {
        if !names.is_empty() {
            let quoted: Vec<_> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
            wanted.push_str(&format!(" AND {column} NOT IN ({})", quoted.join(",")));
        }
    }
    let query = if text { ", min(query) AS query" } else { "" };
    format!(
        "SELECT pg_get_userbyid(s.userid) AS usename, d.datname, s.queryid, sum(calls)::float8 AS calls, \
         sum({time})::float8 / 1000 AS seconds, sum(rows)::float8 AS rows, sum({read})::float8 / 1000 AS read, \
         sum({write})::float8 / 1000 AS write{query} FROM {}.pg_stat_statements({text}) s \
         JOIN pg_database d ON d.oid = s.dbid WHERE s.queryid IS NOT NULL{wanted} GROUP BY 1, 2, 3",
        extension.schema
    )
}

/// The statements with the most time, and the totals of all.
pub(super) struct Top;
pub(super) static TOP: Top = Top;

impl Query for Top {
    fn sql(&self, server: &Server) -> Option<String> {
        let knobs = &server.knobs.statements;
        let all = source(server.statements.as_ref()?, knobs, false);
        let limit = patience(knobs.limit);
        Some(format!(
            "WITH s AS MATERIALIZED ({all}), top AS (SELECT * FROM s ORDER BY seconds DESC, queryid LIMIT {limit}) \
             SELECT usename::text, datname::text, queryid::text, calls, seconds, rows, read, write, true FROM top \
             UNION ALL SELECT NULL, datname::text, NULL, sum(calls), sum(seconds), count(*)::float8, 0, 0, false \
             FROM s GROUP BY datname"
        ))
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        state: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        let memory = &mut state.statements;
        let mut top = Vec::new();
        let (mut totals, mut entries) = (Vec::new(), 0.0);
        for row in rows {
            if row.try_get::<_, bool>(8)? {
                top.push((row, labels::<3>(row)?));
            } else {
                let [_, database, _] = labels::<3>(row)?;
                totals.push((database, row.try_get::<_, f64>(3)?, row.try_get::<_, f64>(4)?));
                entries += row.try_get::<_, f64>(5)?;
            }
        }
        top.sort_by(|(a, _), (b, _)| seconds(b).total_cmp(&seconds(a)));
        let keys: Vec<_> = top.iter().map(|(_, key)| *key).collect();
        let shown = show(&memory.shown, &keys, server.knobs.statements.limit);
        for (family, column) in [(&CALLS, 3), (&SECONDS, 4), (&ROWS, 5), (&READ, 6), (&WRITE, 7)] {
            for ((row, [user, database, id]), _) in top.iter().zip(&shown).filter(|(_, shown)| **shown) {
                let value = row.try_get::<_, f64>(column)?;
                page.put(family, [user, database, id], value);
                if let Some(name) = old_name(family.desc()).filter(|_| server.knobs.old_names) {
                    put_old(page, family.desc(), name, &[user, database, id], value)?;
                }
            }
        }
        let keep = keys.iter().zip(&shown).filter(|(_, shown)| **shown);
        memory.shown = keep.map(|(key, _)| key.map(str::to_owned)).collect();
        memory.totals.retain(|database, _| totals.iter().any(|(own, ..)| own == database));
        for (database, calls, seconds) in totals {
            let sums = memory.totals.entry(database.to_owned()).or_default();
            page.put(&ALL_CALLS, [&database], sums[0].next(calls));
            page.put(&ALL_SECONDS, [&database], sums[1].next(seconds));
        }
        page.put(&ENTRIES, [], entries);
        Ok(())
    }
}

fn seconds(row: &Row) -> f64 {
    row.try_get(4).unwrap_or(0.0)
}

/// Texts of the same statements.
pub(super) struct Texts;
pub(super) static TEXTS_OF: Texts = Texts;

impl Query for Texts {
    fn sql(&self, server: &Server) -> Option<String> {
        let knobs = &server.knobs.statements;
        let all = source(server.statements.as_ref()?, knobs, true);
        // Twice as much as is shown: literals go before the cut.
        let length = knobs.query_length.saturating_mul(2);
        let limit = patience(knobs.limit);
        Some(format!(
            "SELECT queryid::text, left(min(query), {length})::text FROM (SELECT * FROM ({all}) s \
             ORDER BY seconds DESC, queryid LIMIT {limit}) top GROUP BY queryid"
        ))
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        _: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        for row in rows {
            let [id, query] = labels(row)?;
            let query: String =
                without_literals(query).chars().take(server.knobs.statements.query_length).collect();
            page.put(&QUERY_ID, [&id, &query], 1.0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_shown_for_a_while() {
        let keys: Vec<_> = ["1", "2", "3", "4", "5", "6"].into_iter().map(|id| ["u", "d", id]).collect();
        let none = HashSet::new();
        assert_eq!(show(&none, &keys, 4), [true, true, true, true, false, false]);
        let shown = [["u", "d", "5"].map(str::to_owned)].into();
        assert_eq!(show(&shown, &keys, 4), [true, true, true, true, true, false]);
        assert_eq!(show(&shown, &keys, 2), [true, true, false, false, false, false]);
    }

    #[test]
    fn totals_only_grow() {
        let mut growing = Growing::default();
        let seen: Vec<_> = [10.0, 15.0, 12.0, 14.0].into_iter().map(|value| growing.next(value)).collect();
        assert_eq!(seen, [10.0, 15.0, 15.0, 17.0]);
    }
}

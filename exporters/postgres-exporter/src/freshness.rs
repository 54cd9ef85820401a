//! How new the newest row of a table is: `max(column)` of what the user names, asked seldom, on a connection that is
//! closed again, and given up when it takes long or the table is locked.

use exporter_core::{
    BoxedSource, CollectError, CollectFuture, Collector, ConfigError, Family, Scrape, Settings, Sink, Source,
    SourceSpec,
};
use std::sync::Arc;
use tokio_postgres::Row;

use crate::collectors::Scope;
use crate::config::FRESH;
use crate::connect::{Connector, Trouble};
use crate::server::Knobs;
use crate::session::Session;

pub(crate) static FRESHNESS: Collector =
    Collector { name: "freshness", enabled: true, families: &[NEWEST.desc()], dynamic: &[] };

static NEWEST: Family<4> = Family::gauge(
    "pg_table_newest_row_timestamp_seconds",
    "The newest value of a table's column, in seconds since 1970; a time without zone is taken as UTC.",
    &["datname", "schemaname", "relname", "column"],
);

pub(crate) fn sources(settings: &Settings, connector: &Connector) -> Result<Vec<SourceSpec>, ConfigError> {
    let named = settings.list("freshness");
    if named.is_empty() || !settings.enabled(&FRESHNESS) {
        return Ok(Vec::new());
    }
    let wanted: Vec<_> =
        named.iter().map(|text| Wanted::parse(text, &connector.dsn.database)).collect::<Result<_, _>>()?;
    let connector = Arc::new(connector.clone());
    let make = move || {
        let (wanted, connector) = (wanted.clone(), connector.clone());
        Ok(BoxedSource::new(Freshness { checked: vec![false; wanted.len()], wanted, connector }))
    };
    Ok(vec![SourceSpec::new([&FRESHNESS], make).ttl(FRESH)])
}

/// One column.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Wanted {
    database: String,
    schema: String,
    table: String,
    column: String,
}

impl Wanted {
    /// Whether an index begins with the column; no row where there is no such table.
    fn index_sql(&self) -> String {
        format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
             JOIN pg_catalog.pg_am m ON m.oid = x.relam JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid \
             AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL \
             AND m.amname = 'btree' AND a.attname = {}) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
             ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {}",
            literal(&self.column),
            literal(&self.schema),
            literal(&self.table)
        )
    }

    fn parse(text: &str, database: &str) -> Result<Self, ConfigError> {
        let parts: Vec<&str> = text.split('.').collect();
        let (database, schema, table, column) = match parts.as_slice() {
            [schema, table, column] => (database, *schema, *table, *column),
            [database, schema, table, column] => (*database, *schema, *table, *column),
            _ => {
                return Err(ConfigError::new(format!(
                    "--freshness={text}: write SCHEMA.TABLE.COLUMN, or DATABASE.SCHEMA.TABLE.COLUMN"
                )));
            }
        };
        let owned = str::to_owned;
        Ok(Self {
            database: owned(database),
            schema: owned(schema),
            table: owned(table),
            column: owned(column),
        })
    }

    fn sql(&self) -> String {
        format!(
            "SELECT extract(epoch FROM max({}))::float8 FROM {}.{}",
            quoted(&self.column),
            quoted(&self.schema),
            quoted(&self.table)
        )
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(name: &str) -> String {
    format!("'{}'", name.replace('\'', "''"))
}

struct Freshness {
    wanted: Vec<Wanted>,
    /// Whose index has been looked for.
    checked: Vec<bool>,
    connector: Arc<Connector>,
}

impl Freshness {
    async fn run(&mut self, sink: &mut Sink) -> Result<(), CollectError> {
        let mut open: Option<Session> = None;
        let mut failed = None;
        for (wanted, checked) in self.wanted.iter().zip(&mut self.checked) {
            if open.as_ref().is_none_or(|session| session.database() != wanted.database) {
                let knobs = Arc::<Knobs>::default();
                let mut session =
                    Session::new(self.connector.clone(), wanted.database.clone(), Scope::Database, knobs);
                if let Err(trouble) = session.wake().await {
                    failed = Some(trouble.message);
                    continue;
                }
                open = Some(session);
            }
            let Some(session) = &open else { continue };
            if !*checked {
                *checked = check_index(session, wanted).await.is_ok();
            }
            match newest(&session.ask(&wanted.sql()).await) {
                Ok(Some(time)) => {
                    sink.put(
                        &NEWEST,
                        [&wanted.database, &wanted.schema, &wanted.table, &wanted.column],
                        time,
                    );
                }
                Ok(None) => {}
                Err(why) => {
                    failed = Some(format!("{}.{}.{}: {why}", wanted.schema, wanted.table, wanted.column))
                }
            }
        }
        sink.commit();
        match failed {
            None => Ok(()),
            Some(why) if why.contains("42501") => {
                let role = quoted(&self.connector.dsn.user);
                Err(CollectError::failed(format!(
                    "{why}; as its owner run: GRANT SELECT ON the table TO {role};"
                )))
            }
            Some(why) => Err(CollectError::failed(why)),
        }
    }
}

/// Says once which column has no index: its newest value takes a reading of the whole table.
async fn check_index(session: &Session, wanted: &Wanted) -> Result<(), Trouble> {
    let rows = session.ask(&wanted.index_sql()).await?;
    if rows.first().is_some_and(|row| row.try_get::<_, bool>(0).is_ok_and(|there| !there)) {
        let (schema, table, column) = (quoted(&wanted.schema), quoted(&wanted.table), quoted(&wanted.column));
        tracing::warn!(
            database = wanted.database,
            "--freshness: no index begins with the column, so each look reads the whole table; as its owner run: \
             CREATE INDEX CONCURRENTLY ON {schema}.{table} ({column});",
        );
    }
    Ok(())
}

fn newest(answer: &Result<Vec<Row>, Trouble>) -> Result<Option<f64>, String> {
    let rows = answer.as_ref().map_err(ToString::to_string)?;
    rows.first().map_or(Ok(None), |row| row.try_get(0).map_err(|error| error.to_string()))
}

impl Source for Freshness {
    fn collect<'a>(&'a mut self, _: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(self.run(sink))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let wanted = Wanted::parse("etl.public.raw\"x.created_at", "shop").unwrap();
        assert_eq!(
            wanted.sql(),
            "SELECT extract(epoch FROM max(\"created_at\"))::float8 FROM \"public\".\"raw\"\"x\""
        );
        assert_eq!(Wanted::parse("public.t.c", "shop").unwrap().database, "shop");
        assert!(Wanted::parse("t", "shop").is_err());
    }
}

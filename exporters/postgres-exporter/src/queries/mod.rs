//! The user's own queries, from a file in the peer's form. They have connections of their own, so that a slow one delays
//! nothing else, and each has its own result: one that is wrong costs its own series only.

mod file;
mod rows;

use exporter_core::{
    BoxedSource, CollectError, CollectFuture, Collector, ConfigError, Family, Page, Scrape, Settings, Sink,
    Source, SourceSpec,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::collectors::Scope;
use crate::config;
use crate::connect::Connector;
use crate::databases::{Selection, glob};
use crate::server::{Knobs, Server};
use crate::session::Session;
use file::{Query, Role};

pub(crate) static QUERIES: Collector =
    Collector { name: "queries", enabled: true, families: &[SUCCESS.desc(), SECONDS.desc()], dynamic: &[] };

static SUCCESS: Family<2> =
    Family::gauge("pg_query_success", "Whether a query of the user's has worked.", &["query", "datname"]);
static SECONDS: Family<2> = Family::gauge(
    "pg_query_duration_seconds",
    "Time that a query of the user's took.",
    &["query", "datname"],
);

pub(crate) fn sources(settings: &Settings, connector: &Connector) -> Result<Vec<SourceSpec>, ConfigError> {
    let path = settings.text("extend.query-path");
    if path.is_empty() || !settings.enabled(&QUERIES) {
        return Ok(Vec::new());
    }
    let queries: Arc<[Query]> = read(path)?.into();
    let server: Option<Arc<str>> = config::server_label(settings, &connector.dsn)?.map(Into::into);
    let (connector, selection) = (Arc::new(connector.clone()), Selection::new(settings)?);
    Ok(vec![SourceSpec::new([&QUERIES], move || {
        let first = session(&connector, connector.dsn.database.clone());
        Ok(BoxedSource::new(Queries {
            queries: queries.clone(),
            connector: connector.clone(),
            selection: selection.clone(),
            sessions: vec![first],
            server: server.clone(),
            kept: BTreeMap::new(),
        }))
    })])
}

/// What `--extend.query-path` names can be used, whether there is a server yet or not.
pub(crate) fn check(settings: &Settings) -> Result<(), ConfigError> {
    match settings.text("extend.query-path") {
        "" => Ok(()),
        path => read(path).map(drop),
    }
}

fn read(path: &str) -> Result<Vec<Query>, ConfigError> {
    let failed = |error: String| ConfigError::new(format!("--extend.query-path={path}: {error}"));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    file::parse(&text).map_err(|error| failed(error.to_string()))
}

fn session(connector: &Arc<Connector>, database: String) -> Session {
    Session::new(connector.clone(), database, Scope::Instance, Arc::<Knobs>::default())
}

struct Queries {
    queries: Arc<[Query]>,
    connector: Arc<Connector>,
    selection: Selection,
    /// The first is the connection string's.
    sessions: Vec<Session>,
    /// Of the label that 0.19 had.
    server: Option<Arc<str>>,
    /// What queries with a time to live gave, by query and database.
    kept: BTreeMap<(usize, String), (Instant, Page)>,
}

impl Queries {
    async fn run(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        self.sessions[0].wake().await?;
        self.choose().await?;
        let mut failed = Vec::new();
        for at in 0..self.sessions.len() {
            let database = self.sessions[at].database().to_owned();
            if at > 0
                && let Err(trouble) = self.sessions[at].wake().await
            {
                failed.push(format!("database {database}: {trouble}"));
                continue;
            }
            for query in 0..self.queries.len() {
                let Some(result) = scrape.within(self.one(query, at, sink)).await else {
                    return Err(CollectError::failed(format!(
                        "{}: no answer by the deadline",
                        self.queries[query].name
                    )));
                };
                if let Err(why) = result {
                    let elsewhere = if at > 0 { format!("database {database}: ") } else { String::new() };
                    failed.push(format!("{elsewhere}{}: {why}", self.queries[query].name));
                }
                sink.commit();
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(CollectError::failed(failed.join("; "))) }
    }

    /// The databases that some query wants.
    async fn choose(&mut self) -> Result<(), CollectError> {
        let (mut names, _) = self.selection.others(&self.sessions[0]).await?;
        let named = self.queries.iter().flat_map(|query| &query.databases).filter(|name| !name.contains('*'));
        names.extend(named.cloned());
        names.sort();
        names.dedup();
        let (first, wants) = (self.sessions[0].database().to_owned(), |name: &String| {
            self.queries.iter().any(|query| !query.only_first && is_for(query, name))
        });
        names.retain(|name| *name != first && wants(name));
        self.sessions
            .retain(|session| session.database() == first || names.iter().any(|n| n == session.database()));
        for name in names {
            if !self.sessions.iter().any(|session| session.database() == name) {
                self.sessions.push(session(&self.connector, name));
            }
        }
        Ok(())
    }

    /// Runs a query in a database, or shows what it gave not long ago.
    async fn one(&mut self, query: usize, at: usize, sink: &mut Sink) -> Result<(), String> {
        let session = &self.sessions[at];
        let (index, query) = (query, &self.queries[query]);
        let Some(server) = session.server().cloned() else { return Ok(()) };
        if !fits(query, at == 0, &server) {
            return Ok(());
        }
        let key = (index, server.database.clone());
        if let Some((since, page)) = self.kept.get(&key)
            && since.elapsed() < query.ttl
        {
            sink.append(page);
            return Ok(());
        }
        let started = Instant::now();
        let mut page = Page::new();
        let mut more = Vec::new();
        if let Some(label) = self.server.as_deref() {
            more.push(("server", label));
        }
        // Without it rows of two databases would be the same series, and one of them be lost.
        if !query.only_first && (self.selection.discover || !query.databases.is_empty()) {
            more.push(("datname", server.database.as_str()));
        }
        let result = ask(query, session, &server, &more, &mut page).await;
        page.put(&SUCCESS, [&query.name, &server.database], result.is_ok());
        page.put(&SECONDS, [&query.name, &server.database], started.elapsed().as_secs_f64());
        sink.append(&page);
        if result.is_ok() && !query.ttl.is_zero() {
            self.kept.insert(key, (started, page));
        }
        result
    }
}

async fn ask(
    query: &Query,
    session: &Session,
    server: &Server,
    more: &[(&str, &str)],
    page: &mut Page,
) -> Result<(), String> {
    if let Some(extension) = &query.requires {
        let sql = format!("SELECT 1 FROM pg_extension WHERE extname = '{}'", extension.replace('\'', "''"));
        if session.ask(&sql).await.map_err(|trouble| trouble.to_string())?.is_empty() {
            return Ok(());
        }
    }
    let messages =
        session.text_rows(&query.sql, query.timeout).await.map_err(|trouble| trouble.to_string())?;
    rows::put(query, &messages, server.version, more, page)
}

fn is_for(query: &Query, database: &str) -> bool {
    query.databases.is_empty() || query.databases.iter().any(|pattern| glob(pattern, database))
}

fn fits(query: &Query, first: bool, server: &Server) -> bool {
    let role = match query.role {
        None => true,
        Some(Role::Primary) => !server.in_recovery,
        Some(Role::Standby) => server.in_recovery,
    };
    role && (first || !query.only_first)
        && is_for(query, &server.database)
        && query.versions.contain(server.version)
}

impl Source for Queries {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(self.run(scrape, sink))
    }
}

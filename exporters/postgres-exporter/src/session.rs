//! One database's connection over time: opened when needed, kept, opened again after a pause when it was lost.

use exporter_core::Scrape;
use futures_util::future::{join, join_all};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::{Row, SimpleQueryMessage, Statement};

use crate::collectors::{STEPS, Scope};
use crate::connect::{Connection, Connector, Trouble, told};
use crate::server::{FACTS, Knobs, Server};

/// Pauses between attempts: 1 s, 2 s, up to this, the usual interval of scrapes: each of them asks anew then.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// A statement that could not be prepared is tried again after this: an extension may have come.
const PREPARE_AGAIN: Duration = Duration::from_secs(60);

/// What a statement gave.
pub(crate) type Answer = Result<Vec<Row>, String>;
/// Where answers go: the step, the server's facts, the answer.
pub(crate) type Answered = UnboundedSender<(usize, Arc<Server>, Answer)>;

/// A database and its connection.
#[derive(Debug)]
pub(crate) struct Session {
    connector: Arc<Connector>,
    database: String,
    scope: Scope,
    knobs: Arc<Knobs>,
    link: Option<Link>,
    failures: u32,
    retry_at: Option<(Instant, Trouble)>,
    /// Connections opened so far.
    pub(crate) opened: u64,
    told: bool,
}

#[derive(Debug)]
struct Link {
    connection: Connection,
    facts: Statement,
    server: Arc<Server>,
    /// One a step, in the order of the table.
    prepared: Vec<Prepared>,
}

#[derive(Debug, Default)]
enum Prepared {
    #[default]
    NotYet,
    /// This server has nothing of the kind.
    Nothing,
    Ready(Statement),
    Failed(Instant, String),
}

impl Session {
    pub(crate) fn new(connector: Arc<Connector>, database: String, scope: Scope, knobs: Arc<Knobs>) -> Self {
        Self {
            connector,
            database,
            scope,
            knobs,
            link: None,
            failures: 0,
            retry_at: None,
            opened: 0,
            told: false,
        }
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Facts of the open connection.
    pub(crate) fn server(&self) -> Option<&Arc<Server>> {
        self.link.as_ref().map(|link| &link.server)
    }

    /// Makes sure that the server answers: on the open connection, or on a new one.
    ///
    /// # Errors
    /// Why it does not. The connection is closed then.
    pub(crate) async fn wake(&mut self) -> Result<(), Trouble> {
        if self.link.is_some() {
            match self.pulse().await {
                Ok(()) => return Ok(()),
                // Ended by a restart, say: a new connection may do. Silence is not asked twice.
                Err(trouble) if trouble.class == "timeout" => return Err(self.lost(trouble)),
                Err(_) => self.link = None,
            }
        }
        if let Some((at, trouble)) = &self.retry_at
            && Instant::now() < *at
        {
            return Err(trouble.clone());
        }
        match self.open().await {
            Ok(()) => {
                (self.failures, self.retry_at) = (0, None);
                Ok(())
            }
            Err(trouble) => Err(self.lost(trouble)),
        }
    }

    /// The same, in time for the page to say so: a scrape may grant less than the server is given.
    ///
    /// # Errors
    /// As [`Session::wake`].
    pub(crate) async fn wake_for(&mut self, scrape: &Scrape) -> Result<(), Trouble> {
        let limit = in_time_for(scrape);
        match tokio::time::timeout(limit, self.wake()).await {
            Ok(result) => result,
            Err(_) => {
                let told =
                    format!("{}: no answer within {} s", self.connector.dsn.server(), limit.as_secs_f64());
                Err(self.lost(Trouble::new("timeout", told)))
            }
        }
    }

    fn lost(&mut self, trouble: Trouble) -> Trouble {
        self.link = None;
        self.failures += 1;
        let pause = Duration::from_secs(1 << self.failures.saturating_sub(1).min(5)).min(MAX_PAUSE);
        // A little less than the interval of an impatient scraper, so that its next scrape is a new attempt.
        self.retry_at = Some((Instant::now() + pause.mul_f64(0.9), trouble.clone()));
        trouble
    }

    async fn open(&mut self) -> Result<(), Trouble> {
        let connection = self.connector.connect(&self.database).await?;
        self.opened += 1;
        let limit = self.connector.limits.connect;
        let first = async {
            let facts = connection.client.prepare(FACTS).await?;
            let row = connection.client.query_one(&facts, &[]).await?;
            Ok::<_, tokio_postgres::Error>((facts, Server::read(&row, self.knobs.clone())?))
        };
        let (facts, server) = in_time(limit, first).await?;
        // Those for the user's queries have a colleague that tells.
        if !server.is_monitor && self.connector.own_path && !self.told {
            self.told = true;
            tracing::warn!(
                database = self.database,
                "role {:?} sees only part of the statistics; as a superuser run: GRANT pg_monitor TO \"{}\";",
                server.user,
                server.user.replace('"', "\"\""),
            );
        }
        let prepared = STEPS.iter().map(|_| Prepared::NotYet).collect();
        self.link = Some(Link { connection, facts, server: Arc::new(server), prepared });
        Ok(())
    }

    /// Asks the facts again: the shortest proof of life. What hangs on changed facts is prepared anew.
    async fn pulse(&mut self) -> Result<(), Trouble> {
        let Some(link) = &mut self.link else { return Err(Trouble::new("closed", "no connection")) };
        let row = in_time(self.connector.limits.connect, link.connection.client.query_one(&link.facts, &[]))
            .await?;
        let server = Server::read(&row, self.knobs.clone())?;
        if server != *link.server {
            link.server = Arc::new(server);
            link.prepared.fill_with(Prepared::default);
        }
        Ok(())
    }

    /// Runs a small statement of ours once.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Vec<Row>, Trouble> {
        let Some(link) = &self.link else { return Err(Trouble::new("closed", "no connection")) };
        in_time(self.connector.limits.connect, link.connection.client.query_typed(sql, &[])).await
    }

    /// Runs a statement of the user's, maybe with a limit of its own, and hands its rows on as text.
    pub(crate) async fn text_rows(
        &self,
        sql: &str,
        limit: Option<Duration>,
    ) -> Result<Vec<SimpleQueryMessage>, Trouble> {
        let Some(link) = &self.link else { return Err(Trouble::new("closed", "no connection")) };
        let client = &link.connection.client;
        let limit = limit.unwrap_or(self.connector.limits.statement);
        let set = format!("SET statement_timeout = {}", limit.as_millis());
        let (set, rows) = join(client.batch_execute(&set), client.simple_query(sql)).await;
        set?;
        Ok(rows?)
    }

    /// Sends all statements of the wanted steps at once and hands each answer on as it comes.
    pub(crate) async fn volley(&mut self, wanted: &[bool], answered: &Answered) {
        let scope = self.scope;
        let steps: Vec<usize> = (0..STEPS.len())
            .filter(|at| wanted.get(*at).is_some_and(|wanted| *wanted) && STEPS[*at].scope.is_within(scope))
            .collect();
        let Some(link) = &mut self.link else { return };
        link.prepare(&steps).await;
        let shared = &*link;
        let asked = steps.into_iter().map(|at| async move {
            let answer = match &shared.prepared[at] {
                Prepared::Ready(statement) => match shared.connection.client.query(statement, &[]).await {
                    Ok(rows) => Ok(rows),
                    Err(error) => Err((told(&error), true)),
                },
                Prepared::Failed(_, why) => Err((why.clone(), false)),
                Prepared::Nothing | Prepared::NotYet => Ok(Vec::new()),
            };
            let again = matches!(&answer, Err((_, true)));
            let answer = answer.map_err(|(why, _)| why);
            // Nobody listens any more when the scrape is over.
            let _ = answered.send((at, shared.server.clone(), answer));
            again.then_some(at)
        });
        let failed = join_all(asked).await;
        // Some errors are the statement's for good, such as a changed extension: it is prepared anew.
        for at in failed.into_iter().flatten() {
            link.prepared[at] = Prepared::NotYet;
        }
    }
}

impl Link {
    async fn prepare(&mut self, steps: &[usize]) {
        let client = &self.connection.client;
        let server = &self.server;
        let due = steps.iter().copied().filter(|at| match &self.prepared[*at] {
            Prepared::NotYet => true,
            Prepared::Failed(since, _) => since.elapsed() > PREPARE_AGAIN,
            Prepared::Nothing | Prepared::Ready(_) => false,
        });
        let asked = due.map(|at| async move {
            let Some(sql) = STEPS[at].query.sql(server) else { return (at, Prepared::Nothing) };
            match client.prepare(&sql).await {
                Ok(statement) => (at, Prepared::Ready(statement)),
                Err(error) => (at, Prepared::Failed(Instant::now(), told(&error))),
            }
        });
        let done = join_all(asked).await;
        for (at, prepared) in done {
            self.prepared[at] = prepared;
        }
    }
}

/// What a scrape grants, less what it takes to tell.
pub(crate) fn in_time_for(scrape: &Scrape) -> Duration {
    let remaining = scrape.remaining();
    remaining - (remaining / 10).min(Duration::from_millis(100))
}

async fn in_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, asked).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            Err(Trouble::new("timeout", format!("connected, but no answer within {} s", limit.as_secs_f64())))
        }
    }
}

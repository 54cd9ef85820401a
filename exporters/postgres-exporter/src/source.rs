//! A scrape of one server: wake the connections, send every statement at once, fill a collector as soon as all its
//! answers are there.

use exporter_core::{CollectError, CollectFuture, Collector, Family, Scrape, Sink, Source};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

use crate::collectors::{STEPS, Scope, State};
use crate::compat::put_legacy;
use crate::connect::{Connector, Trouble};
use crate::databases::Selection;
use crate::server::{Knobs, Server};
use crate::session::{Answer, Session};

pub(crate) static CONNECTION: Collector = Collector {
    name: "connection",
    enabled: true,
    families: &[
        UP.desc(),
        STATIC.desc(),
        ERROR.desc(),
        LAST_DURATION.desc(),
        LAST_ERROR.desc(),
        SCRAPES.desc(),
        CONNECTIONS.desc(),
        OPENED.desc(),
        LEFT_OUT.desc(),
    ],
    dynamic: &[],
};

static UP: Family<0> = Family::gauge("pg_up", "Whether the server has answered in this scrape.", &[]);
static STATIC: Family<2> =
    Family::untyped("pg_static", "The server's version.", &["version", "short_version"]);
static ERROR: Family<1> =
    Family::gauge("pg_connection_error", "Why the server has not answered.", &["class"]);
static LAST_DURATION: Family<0> =
    Family::gauge("pg_exporter_last_scrape_duration_seconds", "Time that the last scrape took.", &[]);
static LAST_ERROR: Family<0> =
    Family::gauge("pg_exporter_last_scrape_error", "Whether any collector failed in the last scrape.", &[]);
static SCRAPES: Family<0> = Family::counter("pg_exporter_scrapes_total", "Scrapes of the server.", &[]);
static CONNECTIONS: Family<0> =
    Family::gauge("pg_exporter_connections", "Connections to the server that are open.", &[]);
static OPENED: Family<0> =
    Family::counter("pg_exporter_connections_opened_total", "Connections opened to the server.", &[]);
static LEFT_OUT: Family<0> = Family::gauge(
    "pg_exporter_databases_left_out",
    "Databases that are not looked at because --max-connections is reached.",
    &[],
);

/// Databases that are asked at the same time, beside the first one.
const AT_ONCE: usize = 3;

/// One server.
pub(crate) struct Postgres {
    connector: Arc<Connector>,
    knobs: Arc<Knobs>,
    selection: Selection,
    first: Session,
    others: Vec<Session>,
    state: State,
    scrapes: u64,
    /// Why the server did not answer last time.
    down: Option<String>,
    /// Of sessions that are gone.
    opened_before: u64,
    left_out: usize,
}

impl Postgres {
    pub(crate) fn new(connector: Connector, selection: Selection, knobs: Knobs) -> Self {
        let (connector, knobs) = (Arc::new(connector), Arc::new(knobs));
        let database = connector.dsn.database.clone();
        let first = Session::new(connector.clone(), database, Scope::Instance, knobs.clone());
        Self {
            connector,
            knobs,
            selection,
            first,
            others: Vec::new(),
            state: State::default(),
            scrapes: 0,
            down: None,
            opened_before: 0,
            left_out: 0,
        }
    }

    async fn run(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let started = Instant::now();
        self.scrapes += 1;
        if let Err(trouble) = self.first.wake_for(scrape).await {
            self.put_down(&trouble, sink);
            self.put_own(started, true, sink);
            if self.down.as_deref() != Some(trouble.class) {
                tracing::warn!(class = trouble.class, %trouble, "the server does not answer");
            }
            self.down = Some(trouble.class.to_owned());
            // Said once; the collectors have nothing to add.
            return Err(CollectError::no_data("the server does not answer"));
        }
        if self.down.take().is_some() {
            tracing::info!(server = self.connector.dsn.server(), "the server answers again");
        }
        self.put_up(sink)?;
        if let Err(trouble) = self.choose().await {
            tracing::warn!(%trouble, "listing databases");
        }
        let failed = self.ask(scrape, sink).await;
        self.put_own(started, failed, sink);
        Ok(())
    }

    /// Which databases are looked at from now on.
    async fn choose(&mut self) -> Result<(), Trouble> {
        let (names, left_out) = self.selection.others(&self.first).await?;
        if left_out > 0 && self.left_out == 0 {
            tracing::warn!(
                left_out,
                "databases are left out: raise --max-connections, or name them by --exclude-databases"
            );
        }
        self.left_out = left_out;
        let mut kept = Vec::with_capacity(names.len());
        for name in names {
            let known = self.others.iter().position(|session| session.database() == name);
            kept.push(match known {
                Some(at) => self.others.swap_remove(at),
                None => Session::new(self.connector.clone(), name, Scope::Database, self.knobs.clone()),
            });
        }
        self.opened_before += self.others.iter().map(|session| session.opened).sum::<u64>();
        self.others = kept;
        Ok(())
    }

    /// Asks all that is wanted and fills collectors as answers come; whether any failed.
    async fn ask(&mut self, scrape: &Scrape, sink: &mut Sink) -> bool {
        let wanted: Vec<bool> = STEPS.iter().map(|step| sink.wants(step.collector)).collect();
        let mut filling = Filling::new(&wanted, self.others.len(), &mut self.state);
        let (sender, mut answers) = mpsc::unbounded_channel();
        let (first, others) = (&mut self.first, &mut self.others);
        let wanted = &wanted;
        let asking = async move {
            let sender = &sender;
            let rest = async {
                let mut waiting = others.iter_mut();
                let mut running = FuturesUnordered::new();
                running.extend(waiting.by_ref().take(AT_ONCE).map(|session| one(session, wanted, sender)));
                while running.next().await.is_some() {
                    running.extend(waiting.next().map(|session| one(session, wanted, sender)));
                }
            };
            futures_util::future::join(first.volley(wanted, sender), rest).await;
        };
        let asking = async {
            asking.await;
        };
        let taking = async {
            while let Some((step, server, answer)) = answers.recv().await {
                filling.take(step, server, answer, sink);
            }
        };
        let in_time = scrape.within(futures_util::future::join(asking, taking)).await.is_some();
        filling.finish(in_time, sink)
    }

    fn put_up(&self, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(server) = self.first.server() else { return Ok(()) };
        if !sink.begin(&CONNECTION) {
            return Ok(());
        }
        sink.put(&UP, [], true);
        let version = [server.version_text.as_str(), &server.short_version()];
        match &self.knobs.label {
            None => sink.put(&STATIC, [&version[0], &version[1]], 1.0),
            Some(label) => put_legacy(sink, STATIC.desc(), &version, label, 1.0)?,
        }
        sink.end(Ok(()));
        Ok(())
    }

    fn put_down(&self, trouble: &Trouble, sink: &mut Sink) {
        sink.collector(&CONNECTION, |sink| {
            sink.put(&UP, [], false);
            sink.put(&ERROR, [&trouble.class], 1.0);
            Ok(())
        });
    }

    fn put_own(&self, started: Instant, failed: bool, sink: &mut Sink) {
        let all = || std::iter::once(&self.first).chain(&self.others);
        sink.collector(&CONNECTION, |sink| {
            sink.put(&LAST_DURATION, [], started.elapsed().as_secs_f64());
            sink.put(&LAST_ERROR, [], failed);
            sink.put(&SCRAPES, [], self.scrapes);
            sink.put(&CONNECTIONS, [], all().filter(|session| session.server().is_some()).count());
            sink.put(&OPENED, [], self.opened_before + all().map(|session| session.opened).sum::<u64>());
            sink.put(&LEFT_OUT, [], self.left_out);
            Ok(())
        });
    }
}

impl Source for Postgres {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(self.run(scrape, sink))
    }
}

/// One of the further databases. One that is gone, or does not let us in, costs its own rows only.
async fn one(session: &mut Session, wanted: &[bool], sender: &crate::session::Answered) {
    match session.wake().await {
        Ok(()) => session.volley(wanted, sender).await,
        Err(trouble) => {
            let steps = (0..STEPS.len()).filter(|at| wanted[*at] && STEPS[*at].scope == Scope::Database);
            for at in steps {
                let _ = sender.send((at, Arc::default(), Err(trouble.message.clone())));
            }
        }
    }
}

/// An answer, and the facts about the server that gave it.
type Answered = (Arc<Server>, Answer);

/// Answers on their way to collectors.
struct Filling<'a> {
    /// Answers that are still to come, and those that are there; one a step.
    steps: Vec<(usize, Vec<Answered>)>,
    done: Vec<bool>,
    started: Instant,
    state: &'a mut State,
    failed: bool,
}

impl<'a> Filling<'a> {
    fn new(wanted: &[bool], others: usize, state: &'a mut State) -> Self {
        let count = |(step, wanted): (&crate::collectors::Step, &bool)| match (wanted, step.scope) {
            (false, _) => 0,
            (true, Scope::Instance) => 1,
            (true, Scope::Database) => 1 + others,
        };
        let steps: Vec<_> = STEPS.iter().zip(wanted).map(|pair| (count(pair), Vec::new())).collect();
        let done = wanted.iter().map(|wanted| !wanted).collect();
        Self { steps, done, started: Instant::now(), state, failed: false }
    }

    fn take(&mut self, step: usize, server: Arc<Server>, answer: Answer, sink: &mut Sink) {
        self.steps[step].0 = self.steps[step].0.saturating_sub(1);
        self.steps[step].1.push((server, answer));
        let collector = STEPS[step].collector;
        let complete = STEPS
            .iter()
            .zip(&self.steps)
            .all(|(other, (open, _))| !std::ptr::eq(other.collector, collector) || *open == 0);
        if complete {
            self.fill(collector, None, sink);
        }
    }

    /// Fills what is left with what there is.
    fn finish(mut self, in_time: bool, sink: &mut Sink) -> bool {
        for (at, step) in STEPS.iter().enumerate() {
            if !self.done[at] {
                let why = if in_time { "the connection was lost" } else { "no answer by the deadline" };
                self.fill(step.collector, Some(why.to_owned()), sink);
            }
        }
        self.failed
    }

    fn fill(&mut self, collector: &'static Collector, missing: Option<String>, sink: &mut Sink) {
        if !sink.begin(collector) {
            return;
        }
        sink.since(self.started);
        let (mut good, mut why) = (false, missing);
        for (at, step) in STEPS.iter().enumerate() {
            if !std::ptr::eq(step.collector, collector) {
                continue;
            }
            self.done[at] = true;
            for (server, answer) in self.steps[at].1.drain(..) {
                let filled = answer.and_then(|rows| {
                    step.query.fill(&rows, &server, self.state, sink).map_err(|error| error.to_string())
                });
                match filled {
                    Ok(()) => good = true,
                    Err(error) if server.database.is_empty() => why = Some(error),
                    Err(error) => why = Some(format!("database {}: {error}", server.database)),
                }
            }
        }
        self.failed |= why.is_some();
        if why.is_some() && good {
            // The other databases' rows, or the other statements'.
            sink.commit();
        }
        sink.end(why.map_or(Ok(()), |why| Err(CollectError::failed(why))));
    }
}

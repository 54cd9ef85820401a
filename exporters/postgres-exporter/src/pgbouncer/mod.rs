//! PgBouncer, by `SHOW` on its console: the server of a connection string whose database is `pgbouncer`. Names are
//! pgbouncer_exporter's. The console speaks the simple protocol only, knows no settings, and grows columns from release to
//! release: what a release lacks is left out.

mod shown;

use exporter_core::{BoxedSource, CollectError, CollectFuture, Family, Scrape, Sink, Source, SourceSpec};
use futures_util::future::join_all;
use std::sync::Arc;
use tokio_postgres::SimpleQueryMessage;

use crate::connect::{Connection, Connector, Trouble, told};
use crate::dsn::Dsn;
use crate::select::collector;
use crate::session::in_time_for;
use shown::{
    CONFIG, CONFIG_COLUMNS, DATABASE_COLUMNS, DATABASES, LIST_COLUMNS, LISTS, POOL_COLUMNS, POOLS, Show,
    TOTAL_COLUMNS, TOTALS, VERSION, VERSION_INFO,
};

collector!(pub(crate) PGBOUNCER = "pgbouncer", on: true,
    columns: [POOL_COLUMNS, TOTAL_COLUMNS, DATABASE_COLUMNS, LIST_COLUMNS, CONFIG_COLUMNS],
    families: [UP.desc(), ERROR.desc(), VERSION_INFO.desc()], dynamic: []);

static UP: Family<0> =
    Family::gauge("pgbouncer_up", "Whether PgBouncer's console has answered in this scrape.", &[]);
static ERROR: Family<1> =
    Family::gauge("pgbouncer_connection_error", "Why the console has not answered.", &["class"]);

/// What is asked, all at once.
static SHOWS: [&dyn Show; 6] = [&POOLS, &TOTALS, &DATABASES, &LISTS, &CONFIG, &VERSION];

/// Whether this is PgBouncer's console: the name is reserved for it there.
pub(crate) fn is_console(dsn: &Dsn) -> bool {
    dsn.database == "pgbouncer"
}

pub(crate) fn source(connector: Connector) -> SourceSpec {
    let connector = Arc::new(connector);
    SourceSpec::new([&PGBOUNCER], move || {
        Ok(BoxedSource::new(Console { connector: connector.clone(), connection: None, down: None }))
    })
}

/// One PgBouncer and the connection that is kept to it.
struct Console {
    connector: Arc<Connector>,
    connection: Option<Connection>,
    /// Why it did not answer last time.
    down: Option<&'static str>,
}

/// What each of [`SHOWS`] gave.
type Answers = Vec<Result<Vec<SimpleQueryMessage>, String>>;

impl Console {
    async fn run(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let limit = in_time_for(scrape);
        let asked = tokio::time::timeout(limit, self.ask()).await.unwrap_or_else(|_| {
            Err(Trouble::new("timeout", format!("no answer within {} s", limit.as_secs_f64())))
        });
        let answers = match asked {
            Ok(answers) => answers,
            Err(trouble) => {
                self.connection = None;
                sink.put(&UP, [], false);
                sink.put(&ERROR, [&trouble.class], 1.0);
                sink.commit();
                if self.down.replace(trouble.class) != Some(trouble.class) {
                    tracing::warn!(class = trouble.class, %trouble, "PgBouncer does not answer");
                }
                return Err(CollectError::no_data("PgBouncer does not answer"));
            }
        };
        if self.down.take().is_some() {
            tracing::info!(server = self.connector.dsn.server(), "PgBouncer answers again");
        }
        sink.put(&UP, [], true);
        let mut failed = None;
        for (show, answer) in SHOWS.iter().zip(answers) {
            let put = answer.and_then(|rows| show.put(&rows, sink).map_err(|error| error.to_string()));
            if let Err(why) = put {
                failed = Some(format!("{}: {why}", show.command()));
            }
        }
        sink.commit();
        failed.map_or(Ok(()), |why| Err(CollectError::failed(why)))
    }

    /// Asks on the connection that is kept. One that was ended meanwhile, by a restart, is opened anew.
    async fn ask(&mut self) -> Result<Answers, Trouble> {
        if let Some(connection) = &self.connection {
            match self.volley(connection).await {
                Err(trouble) if trouble.class != "timeout" => {}
                other => return other,
            }
        }
        let connection = self.connector.connect(&self.connector.dsn.database).await?;
        let answers = self.volley(&connection).await?;
        self.connection = Some(connection);
        Ok(answers)
    }

    async fn volley(&self, connection: &Connection) -> Result<Answers, Trouble> {
        let asked = join_all(SHOWS.iter().map(|show| connection.client.simple_query(show.command())));
        let limit = self.connector.limits.connect;
        let answers = tokio::time::timeout(limit, asked).await.map_err(|_| {
            Trouble::new("timeout", format!("connected, but no answer within {} s", limit.as_secs_f64()))
        })?;
        let mut kept = Vec::with_capacity(answers.len());
        for answer in answers {
            kept.push(match answer {
                // Of the command alone: a release that does not know it.
                Err(error) if error.as_db_error().is_some() && !error.is_closed() => Err(told(&error)),
                other => Ok(other?),
            });
        }
        Ok(kept)
    }
}

impl Source for Console {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(self.run(scrape, sink))
    }
}

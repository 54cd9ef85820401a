//! The server itself: everything that takes one round trip and touches no key.

mod clients;
mod config;
mod latency;
mod sentinel;
mod slowlog;

use exporter_core::{CollectError, CollectFuture, Collector, Scrape, Sink, Source};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::families::{families, joined};
use crate::info::put::{self, Choice};
use crate::info::{Info, Recall, fields, number};
use crate::keys::groups;
use crate::reply;
use crate::session::{Batch, Mode, Replies, Server as Kind, Session};
use crate::trouble::{Cause, Trouble};
use crate::wire::{Item, Walk};

pub(crate) static SERVER: Collector = Collector {
    name: "server",
    enabled: true,
    families: joined!(
        OWN,
        &[groups::DURATION.desc()],
        put::DESCS,
        fields::FIELD_DESCS,
        fields::MODULE_DESCS,
        fields::TILE38_DESCS,
        config::DESCS,
        sentinel::DESCS
    ),
    dynamic: &[put::CLUSTER.desc(), put::UNMAPPED.desc()],
};

pub(crate) static LATENCY: Collector =
    Collector { name: "latency", enabled: true, families: latency::DESCS, dynamic: &[] };

pub(crate) static SLOWLOG: Collector =
    Collector { name: "slowlog", enabled: true, families: slowlog::DESCS, dynamic: &[] };

/// On by `--export-client-list`, as the peer has it.
pub(crate) static CLIENTS: Collector =
    Collector { name: "clients", enabled: false, families: clients::DESCS, dynamic: &[] };

families! { OWN:
    UP: 0 = gauge("redis_up", "Whether the server answered.", []);
    SCRAPES: 0 = counter("redis_exporter_scrapes_total", "Times the server was asked.", []);
    LAST_ERROR: 1 = gauge("redis_exporter_last_scrape_error", "Whether the last scrape failed, and why.", ["err"]);
    ERRORS: 0 = counter("redis_target_scrape_request_errors_total", "Scrapes that failed.", []);
    LAST_DURATION: 0 = gauge("redis_exporter_last_scrape_duration_seconds", "Duration of the last scrape, in seconds.", []);
    DURATION: 0 = summary("redis_exporter_scrape_duration_seconds", "Duration of scrapes, in seconds.", []);
    CONNECT: 0 = gauge("redis_exporter_last_scrape_connect_time_seconds", "Duration of the last connect, in seconds.", []);
    PING: 0 = gauge("redis_exporter_last_scrape_ping_time_seconds", "Duration of the last PING, in seconds.", []);
    ROUND_TRIPS: 0 = gauge("redis_exporter_last_scrape_round_trips", "Round trips of the last scrape.", []);
    RDB_SIZE: 0 = gauge("redis_rdb_current_size_bytes", "Size of the dump on disk, in bytes.", []);
}

/// Asks one server, over a connection that it keeps.
pub(crate) struct Server {
    config: Config,
    session: Session,
    ladder: latency::Ladder,
    recall: Recall,
    scrapes: u64,
    errors: u64,
    total: Duration,
    /// What was told to the log last, while it lasts.
    told: Option<Cause>,
}

/// Which of the collectors are due.
#[derive(Clone, Copy)]
struct Wanted {
    latency: bool,
    slowlog: bool,
    clients: bool,
}

/// All that one scrape brought.
struct Answers {
    replies: Replies,
    sentinel: sentinel::Details,
    ping: Option<Duration>,
    rdb_size: Option<u64>,
}

impl Source for Server {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            self.run(scrape, sink).await;
            Ok(())
        })
    }
}

impl Server {
    pub(crate) fn new(config: Config, session: Session) -> Self {
        let ladder = latency::Ladder::default();
        let recall = Recall::default();
        Self { config, session, ladder, recall, scrapes: 0, errors: 0, total: Duration::ZERO, told: None }
    }

    async fn run(&mut self, scrape: &Scrape, sink: &mut Sink) {
        let started = Instant::now();
        self.session.begin();
        self.scrapes += 1;
        let wanted = Wanted {
            latency: sink.wants(&LATENCY),
            slowlog: sink.wants(&SLOWLOG),
            clients: sink.wants(&CLIENTS),
        };
        let answers = match self.ask(scrape, wanted).await {
            Ok(answers) => answers,
            Err(trouble) => return self.down(sink, &trouble, started),
        };
        let replies = &answers.replies;
        let text = match replies.raw("info").map(|raw| Walk::new(raw).next()) {
            Ok(Some(Item::Text(text))) => text,
            _ => b"",
        };
        let info = Info::parse(text);
        if sink.begin(&SERVER) {
            let result = self.fill(sink, &answers, &info, started);
            sink.end(result);
        }
        sink.collector(&LATENCY, |sink| {
            let latest = replies.get("latency latest").map(|latest| latency::put_spikes(sink, latest));
            match replies.raw("latency histogram") {
                Ok(histogram) => self.ladder.put(sink, histogram, info.totals()),
                // Left out, or before Redis 7.
                Err(CollectError::NoData(_)) if latest.is_ok() => {}
                Err(error) => {
                    sink.commit();
                    return Err(error);
                }
            }
            latest
        });
        sink.collector(&SLOWLOG, |sink| {
            slowlog::put(sink, replies.get("slowlog len")?, replies.get("slowlog get").ok());
            Ok(())
        });
        let with_port = self.config.client_port;
        sink.collector(&CLIENTS, |sink| {
            clients::put(sink, replies.get("client list")?, scrape.now(), with_port);
            Ok(())
        });
        self.session.give_back(answers.replies);
    }

    /// One round trip; a sentinel takes a second one, for its masters.
    async fn ask(&mut self, scrape: &Scrape, wanted: Wanted) -> Result<Answers, Trouble> {
        let config = &self.config;
        let mut ping = None;
        if config.ping {
            // By itself, so that it measures nothing else.
            self.session.server(scrape).await?;
            let begin = Instant::now();
            let batch = |_: &Kind, _: &Session| Batch::of("ping", &[b"PING"]);
            self.session.ask(scrape, batch).await?;
            ping = Some(begin.elapsed());
        }
        let replies =
            self.session.ask(scrape, |server, session| batch(config, wanted, server, session)).await?;
        let mut sentinel = sentinel::Details::default();
        if let Ok(masters) = replies.get("sentinel masters") {
            sentinel = sentinel::ask(&mut self.session, scrape, masters).await?;
        }
        let rdb_size = if config.rdb_size { config::rdb_size(replies.all("config get")).await } else { None };
        Ok(Answers { replies, sentinel, ping, rdb_size })
    }

    fn fill(
        &mut self,
        sink: &mut Sink,
        answers: &Answers,
        info: &Info<'_>,
        started: Instant,
    ) -> Result<(), CollectError> {
        let replies = &answers.replies;
        let mut trouble = replies.trouble("info");
        if trouble.is_none() && self.session.is_refused("info") {
            trouble = Some(Trouble::new(Cause::Acl, "INFO is refused; the README lists what a user needs"));
        }
        if trouble.is_none() && info.facts.is_loading {
            trouble = Some(Trouble::new(Cause::Loading, "the server reads its data set from disk"));
        }
        self.tell(trouble.as_ref());
        if trouble.as_ref().is_some_and(|trouble| trouble.cause == Cause::Auth) {
            // It talks to us, but not to such as us.
            sink.put(&UP, [], 0_u8);
        } else {
            sink.put(&UP, [], 1_u8);
        }
        if let Some(ping) = answers.ping {
            sink.put(&PING, [], ping.as_secs_f64());
        }
        let configured = replies.all("config get").next().is_some();
        if configured {
            config::put(sink, replies.all("config get"), self.config.all_config);
        }
        let databases = replies.all("config get").flat_map(reply::pairs);
        let databases =
            databases.filter(|(name, _)| *name == b"databases").find_map(|(_, n)| reply::integer(n));
        info.put(
            sink,
            Choice {
                system_metrics: self.config.system_metrics,
                modules: self.config.modules,
                unmapped: self.config.unmapped,
                databases: match databases {
                    Some(number) if self.config.empty_databases => {
                        u32::try_from(number).unwrap_or(0).min(1024)
                    }
                    _ => 0,
                },
            },
            &mut self.recall,
        );
        if let Ok(cluster) = replies.get("cluster info") {
            put_cluster(sink, reply::bytes(cluster).unwrap_or_default());
        }
        if let Ok(extended) = replies.get("server ext") {
            for (name, value) in reply::pairs(extended) {
                if let Some((field, value)) =
                    fields::find(fields::TILE38_FIELDS, name).zip(reply::number(value))
                {
                    sink.put(&field.family, [], value);
                }
            }
        }
        if let Ok(masters) = replies.get("sentinel masters") {
            sentinel::put(sink, masters, &answers.sentinel, self.config.sentinel_peers);
        }
        if let Some(size) = answers.rdb_size {
            sink.put(&RDB_SIZE, [], size);
        }
        self.put_own(sink, trouble.as_ref(), started);
        match trouble.filter(|trouble| matches!(trouble.cause, Cause::Acl | Cause::Auth | Cause::Protocol)) {
            Some(trouble) => {
                // Whatever else there is shall be seen beside the failure.
                sink.commit();
                Err(CollectError::failed(trouble.to_string()))
            }
            None => Ok(()),
        }
    }

    /// The server did not answer: that is data.
    fn down(&mut self, sink: &mut Sink, trouble: &Trouble, started: Instant) {
        self.tell(Some(trouble));
        if sink.begin(&SERVER) {
            sink.put(&UP, [], 0_u8);
            self.put_own(sink, Some(trouble), started);
            sink.end(Ok(()));
        }
        for collector in [&LATENCY, &SLOWLOG, &CLIENTS] {
            sink.collector(collector, |_| Err(CollectError::no_data("the server did not answer")));
        }
    }

    /// A line when something begins to go wrong or changes its cause, and one when it is over.
    fn tell(&mut self, trouble: Option<&Trouble>) {
        let cause = trouble.map(|trouble| trouble.cause);
        if self.told == cause {
            return;
        }
        self.told = cause;
        match (self.session.configured(), trouble) {
            (Some(server), Some(trouble)) => {
                tracing::warn!(server, %trouble, "the server does not answer as it should");
            }
            (Some(server), None) => tracing::info!(server, "the server answers again"),
            // Who names a server in a URL reads the page.
            (None, _) => tracing::debug!(?cause, "asked for somebody"),
        }
    }

    fn put_own(&mut self, sink: &mut Sink, trouble: Option<&Trouble>, started: Instant) {
        let elapsed = started.elapsed();
        self.total += elapsed;
        self.errors += u64::from(trouble.is_some());
        let text = trouble.map(Trouble::to_string).unwrap_or_default();
        sink.put(&LAST_ERROR, [&text], trouble.is_some());
        sink.put(&SCRAPES, [], self.scrapes);
        sink.put(&ERRORS, [], self.errors);
        sink.put(&LAST_DURATION, [], elapsed.as_secs_f64());
        sink.summary(&DURATION, [], [], self.scrapes, self.total.as_secs_f64());
        sink.put(&CONNECT, [], self.session.connect_time.as_secs_f64());
        sink.put(&ROUND_TRIPS, [], self.session.round_trips);
        // As the peer: there also where nobody asks for groups.
        if !self.config.key_groups {
            sink.put(&groups::DURATION, [], 0_u8);
        }
    }
}

/// What this server can be asked in one go.
fn batch(config: &Config, wanted: Wanted, server: &Kind, session: &Session) -> Batch {
    let mut batch = Batch::default();
    let mut add = |name: &'static str, words: &[&[u8]]| {
        match name {
            _ if session.is_refused(name) => {}
            // These are nearly all of what comes.
            "info" | "latency histogram" => batch.add_raw(name, words),
            _ => batch.add(name, words),
        }
    };
    let dump = if config.rdb_size { &config::DUMP[..] } else { &[] };
    let names = || config::NAMES.iter().chain(dump).copied();
    let (is_sentinel, is_new) = (server.mode == Mode::Sentinel, server.version >= (7, 0));
    // `EVERYTHING` is ALL and the modules.
    add("info", &[b"INFO", if config.modules { b"EVERYTHING" } else { b"ALL" }]);
    if config.is_tile38 {
        add("server ext", &[b"SERVER", b"EXT"]);
    }
    if is_sentinel {
        add("sentinel masters", &[b"SENTINEL", b"MASTERS"]);
    } else {
        let command = config.config_command.as_bytes();
        if !command.is_empty() && config.all_config {
            add("config get", &[command, b"GET", b"*"]);
        } else if !command.is_empty() && is_new {
            let words: Vec<&[u8]> = [command, b"GET"].into_iter().chain(names()).collect();
            add("config get", &words);
        } else if !command.is_empty() {
            for name in names() {
                add("config get", &[command, b"GET", name]);
            }
        }
        if wanted.latency {
            add("latency latest", &[b"LATENCY", b"LATEST"]);
            if config.histograms && is_new {
                add("latency histogram", &[b"LATENCY", b"HISTOGRAM"]);
            }
        }
        if wanted.slowlog {
            add("slowlog len", &[b"SLOWLOG", b"LEN"]);
            add("slowlog get", &[b"SLOWLOG", b"GET", b"1"]);
        }
        if server.mode == Mode::Cluster {
            add("cluster info", &[b"CLUSTER", b"INFO"]);
        }
    }
    if wanted.clients {
        add("client list", &[b"CLIENT", b"LIST"]);
    }
    batch
}

/// CLUSTER INFO has the form of INFO.
fn put_cluster(sink: &mut Sink, text: &[u8]) {
    for (name, value) in Info::parse(text).plain {
        let Some(value) = number(value) else { continue };
        if let Some(field) = fields::find(fields::FIELDS, name) {
            sink.put(&field.family, [], value);
        } else if let Some(rest) = name.strip_prefix(b"cluster_") {
            sink.put_dynamic(&put::CLUSTER, rest, [], value);
        }
    }
}

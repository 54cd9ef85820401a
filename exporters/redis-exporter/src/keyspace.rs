//! Everything that reads keys, over a connection of its own that leaves their last use alone.

use exporter_core::{
    CollectError, CollectFuture, Collector, ConfigError, Page, Scrape, Settings, Sink, Source,
};
use std::time::Instant;

use crate::config::Config;
use crate::connect::Access;
use crate::families::families;
use crate::keys::details::{self, Extras};
use crate::keys::groups::{self, Groups, Rules};
use crate::keys::list::{self, Key};
use crate::keys::nodes::Nodes;
use crate::keys::scan::{Found, Limits, Pattern, Purpose, Scanner};
use crate::keys::scripts::{self, Script};
use crate::keys::streams;
use crate::queues::celery::{self, Celery};
use crate::queues::heartbeat::{self, Heartbeat};
use crate::queues::plain::{self, Queue};
use crate::session::Batch;
use crate::trouble::Trouble;
use crate::{families::joined, reply};

pub(crate) static KEYS: Collector =
    Collector { name: "keys", enabled: true, families: joined!(details::DESCS, OWN), dynamic: &[] };
/// What all of them cost the server's statistics; on where any of them is.
pub(crate) static LOOKUPS: Collector =
    Collector { name: "own_lookups", enabled: true, families: LOOKUP_DESCS, dynamic: &[] };
pub(crate) static STREAMS: Collector =
    Collector { name: "streams", enabled: true, families: streams::DESCS, dynamic: &[] };
pub(crate) static GROUPS: Collector = Collector {
    name: "key_groups",
    enabled: true,
    families: joined!(groups::DESCS, &[groups::DURATION.desc()]),
    dynamic: &[],
};
pub(crate) static SCRIPTS: Collector =
    Collector { name: "scripts", enabled: true, families: scripts::DESCS, dynamic: &[] };
pub(crate) static QUEUES: Collector =
    Collector { name: "queues", enabled: true, families: plain::DESCS, dynamic: &[] };
pub(crate) static CELERY: Collector =
    Collector { name: "celery", enabled: true, families: celery::DESCS, dynamic: &[] };
pub(crate) static HEARTBEATS: Collector =
    Collector { name: "heartbeats", enabled: true, families: heartbeat::DESCS, dynamic: &[] };

/// All of them, in the order in which they are filled.
pub(crate) static ALL: [&Collector; 8] =
    [&KEYS, &STREAMS, &QUEUES, &CELERY, &HEARTBEATS, &GROUPS, &SCRIPTS, &LOOKUPS];

families! { LOOKUP_DESCS:
    HITS: 0 = counter("redis_exporter_own_keyspace_hits_total", "Hits in the server's statistics that are this exporter's.", []);
    MISSES: 0 = counter("redis_exporter_own_keyspace_misses_total", "Misses in the server's statistics that are this exporter's.", []);
}

families! { OWN:
    COUNT: 2 = gauge("redis_keys_count", "Keys that match a pattern.", ["db", "key"]);
    PASS: 0 = gauge("redis_exporter_key_scan_duration_seconds", "From begin to end of the last finished search, in seconds.", []);
    AGE: 0 = gauge("redis_exporter_key_scan_age_seconds", "Since the last search was finished, in seconds.", []);
    LEFT_OUT: 0 = gauge("redis_exporter_key_scan_keys_left_out", "Keys found beyond --max-checked-keys.", []);
}

/// Which keys are looked at, and how.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    patterns: Vec<Pattern>,
    single: Vec<Key>,
    single_streams: Vec<Key>,
    queues: Vec<Queue>,
    celery: Option<Celery>,
    heartbeats: Vec<Heartbeat>,
    groups: Option<Rules>,
    scripts: Vec<Script>,
    read_only: bool,
    limits: Limits,
    with_consumers: bool,
    replicas_only: bool,
}

/// Tags of patterns: who asked for them. Heartbeats count on from the last one.
const CHECKED: usize = 0;
const COUNTED: usize = 1;
const STREAM: usize = 2;
const BINDING: usize = 3;
const BEAT: usize = 4;

impl Wishes {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let keys = |flag: &str| list::parse(flag, settings.text(flag));
        let celery = Celery::new(settings)?;
        let heartbeats = heartbeat::parse(settings.list("heartbeat"))?;
        let mut patterns = Vec::new();
        for (flag, purpose, tag, kind) in [
            ("check-keys", Purpose::Details, CHECKED, ""),
            ("count-keys", Purpose::Count, COUNTED, ""),
            ("check-streams", Purpose::Names, STREAM, "stream"),
        ] {
            patterns.extend(keys(flag)?.into_iter().map(|key| Pattern { key, purpose, tag, kind }));
        }
        patterns.extend(celery.as_ref().and_then(|celery| celery.pattern(BINDING)));
        patterns.extend(heartbeats.iter().enumerate().filter_map(|(at, rule)| rule.pattern(BEAT + at)));
        let batch: usize = settings.number("check-keys-batch-size")?;
        let budget = settings.duration("scan-budget")?;
        let batch = batch.clamp(1, 100_000);
        let most = settings.number("max-distinct-key-groups")?;
        Ok(Self {
            groups: Rules::new(settings.text("check-key-groups"), most, budget, batch)?,
            scripts: scripts::read(settings.text("script"))?,
            read_only: settings.switch("lua-script-read-only"),
            patterns,
            single: keys("check-single-keys")?,
            single_streams: keys("check-single-streams")?,
            queues: plain::parse(settings.list("queue"))?,
            celery,
            heartbeats,
            limits: Limits {
                budget,
                batch,
                keys: settings.number("max-checked-keys")?,
                extras: Extras {
                    values: !settings.switch("disable-exporting-key-values"),
                    ages: settings.switch("check-keys-ages"),
                },
            },
            with_consumers: !settings.switch("streams-exclude-consumer-metrics"),
            replicas_only: settings.switch("skip-checkkeys-for-role-master"),
        })
    }

    /// The collectors that have something to do.
    pub(crate) fn collectors(&self) -> Vec<&'static Collector> {
        let has = |tag| self.patterns.iter().any(|pattern| pattern.tag == tag);
        let mut on = Vec::new();
        let wanted = [
            (&KEYS, has(CHECKED) || has(COUNTED) || !self.single.is_empty()),
            (&STREAMS, has(STREAM) || !self.single_streams.is_empty()),
            (&QUEUES, !self.queues.is_empty()),
            (&CELERY, self.celery.is_some()),
            (&HEARTBEATS, !self.heartbeats.is_empty()),
            (&GROUPS, self.groups.is_some()),
            (&SCRIPTS, !self.scripts.is_empty()),
        ];
        on.extend(wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(collector, _)| collector));
        on
    }
}

/// Looks at keys.
pub(crate) struct Keyspace {
    wishes: Wishes,
    nodes: Nodes,
    scanner: Scanner,
    groups: Option<Groups>,
}

impl Source for Keyspace {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            self.run(scrape, sink).await;
            Ok(())
        })
    }
}

impl Keyspace {
    pub(crate) fn new(wishes: Wishes, access: Access, config: &Config) -> Self {
        let scanner = Scanner::new(wishes.patterns.clone(), wishes.limits.clone());
        let groups = wishes.groups.clone().map(Groups::new);
        Self { wishes, nodes: Nodes::new(access, config), scanner, groups }
    }

    async fn run(&mut self, scrape: &Scrape, sink: &mut Sink) {
        let mut searched = Ok(());
        let mut ready = self.nodes.begin(scrape).await;
        if ready.is_ok() && self.wishes.replicas_only {
            match self.is_master(scrape).await {
                Ok(true) => {
                    for collector in ALL {
                        sink.collector(collector, |_| {
                            Err(CollectError::no_data("a master, and keys are looked at on replicas only"))
                        });
                    }
                    return;
                }
                Ok(false) => {}
                Err(trouble) => ready = Err(trouble),
            }
        }
        if let Err(trouble) = ready {
            for collector in ALL {
                sink.collector(collector, |sink| {
                    if std::ptr::eq(collector, &CELERY) {
                        celery::put_down(sink);
                        sink.commit();
                    }
                    Err(CollectError::failed(trouble.to_string()))
                });
            }
            return;
        }
        // What is known by name comes first: a search must not cost it its time.
        self.put_known(scrape, sink).await;
        if !self.scanner.patterns.is_empty() {
            searched = self.scanner.advance(&mut self.nodes, scrape).await;
        }
        self.put_found(scrape, sink, searched).await;
        self.put_rest(scrape, sink).await;
        let lookups = self.nodes.lookups;
        sink.collector(&LOOKUPS, |sink| {
            sink.put(&HITS, [], lookups.hits);
            sink.put(&MISSES, [], lookups.misses);
            Ok(())
        });
    }

    /// Queues: one round trip each.
    async fn put_known(&mut self, scrape: &Scrape, sink: &mut Sink) {
        if sink.begin(&QUEUES) {
            plain::put(sink, &mut self.nodes, scrape, &self.wishes.queues).await;
            finish(sink, trouble(&self.nodes));
        }
    }

    /// Everything that a search may add to.
    async fn put_found(&mut self, scrape: &Scrape, sink: &mut Sink, searched: Result<(), Trouble>) {
        let searched = |patterns: bool| match &searched {
            Err(trouble) if patterns => Err(CollectError::failed(format!("searching keys: {trouble}"))),
            _ => Ok(()),
        };
        let empty = Found::default();
        let tags: Vec<usize> = self.scanner.patterns.iter().map(|pattern| pattern.tag).collect();
        if sink.begin(&KEYS) {
            self.put_keys(scrape, sink).await;
            let has_patterns = tags.iter().any(|tag| matches!(*tag, CHECKED | COUNTED));
            let result = searched(has_patterns).and(trouble(&self.nodes));
            finish(sink, result);
        }
        let found = self.scanner.last.as_ref().map_or(&empty, |(found, _, _)| found);
        let named = |wanted: usize| {
            let tags = &tags;
            found.names.iter().filter(move |(at, _)| tags[*at] == wanted).map(|(_, key)| key)
        };
        if sink.begin(&STREAMS) {
            let mut keys: Vec<&Key> = self.wishes.single_streams.iter().chain(named(STREAM)).collect();
            keys.sort_by(|a, b| (a.db, &a.name).cmp(&(b.db, &b.name)));
            keys.dedup();
            let with_consumers = self.wishes.with_consumers;
            for one in keys.chunk_by(|a, b| a.db == b.db) {
                streams::put(sink, &mut self.nodes, scrape, one[0].db, one, with_consumers).await;
            }
            finish(sink, searched(tags.contains(&STREAM)).and(trouble(&self.nodes)));
        }
        if let Some(celery) = self.wishes.celery.as_ref().filter(|_| sink.begin(&CELERY)) {
            let bindings: Vec<&Key> = named(BINDING).collect();
            celery.put(sink, &mut self.nodes, scrape, &bindings).await;
            finish(sink, searched(tags.contains(&BINDING)).and(trouble(&self.nodes)));
        }
        if sink.begin(&HEARTBEATS) {
            let beats: Vec<(usize, &Key)> = found
                .names
                .iter()
                .filter(|(at, _)| tags[*at] >= BEAT)
                .map(|(at, key)| (tags[*at] - BEAT, key))
                .collect();
            heartbeat::put(sink, &mut self.nodes, scrape, &self.wishes.heartbeats, &beats).await;
            finish(sink, searched(tags.iter().any(|tag| *tag >= BEAT)).and(trouble(&self.nodes)));
        }
    }

    /// What takes longest comes last: all keys in groups, and what the operator has written himself.
    async fn put_rest(&mut self, scrape: &Scrape, sink: &mut Sink) {
        if let Some(groups) = self.groups.as_mut().filter(|_| sink.begin(&GROUPS)) {
            let passed = groups.advance(&mut self.nodes, scrape).await;
            groups.put(sink);
            let passed = passed.map_err(|trouble| CollectError::failed(format!("grouping keys: {trouble}")));
            finish(sink, passed.and(trouble(&self.nodes)));
        }
        if sink.begin(&SCRIPTS) {
            let Wishes { scripts, read_only, .. } = &self.wishes;
            let ran = scripts::put(sink, &mut self.nodes, scrape, scripts, *read_only).await;
            finish(sink, ran);
        }
    }

    async fn put_keys(&mut self, scrape: &Scrape, page: &mut Page) {
        let mut single: Vec<&Key> = self.wishes.single.iter().collect();
        single.sort_by(|a, b| (a.db, &a.name).cmp(&(b.db, &b.name)));
        single.dedup();
        for one in single.chunk_by(|a, b| a.db == b.db) {
            let names: Vec<&[u8]> = one.iter().map(|key| &key.name[..]).collect();
            let extras = self.wishes.limits.extras;
            let all = details::of(&mut self.nodes, scrape, one[0].db, &names, extras).await;
            for (key, details) in one.iter().zip(all) {
                // As the peer: an absent key has size 0, but not in a cluster.
                if details.exists || !self.nodes.is_cluster() {
                    details.put(page, key);
                }
            }
        }
        if let Some((found, finished, took)) = &self.scanner.last {
            let is_single = |key: &Key| {
                single.binary_search_by(|own| (own.db, &own.name).cmp(&(key.db, &key.name))).is_ok()
            };
            for (key, details) in found.keys.iter().filter(|(key, _)| !is_single(key)) {
                details.put(page, key);
            }
            for (pattern, count) in self.scanner.patterns.iter().zip(&found.counts) {
                if pattern.purpose == Purpose::Count {
                    page.put(&COUNT, [&pattern.key.db_label(), &pattern.key.name], *count);
                }
            }
            page.put(&PASS, [], took.as_secs_f64());
            page.put(&AGE, [], Instant::now().duration_since(*finished).as_secs_f64());
            page.put(&LEFT_OUT, [], found.left_out);
        }
    }

    async fn is_master(&mut self, scrape: &Scrape) -> Result<bool, Trouble> {
        let batch = Batch::of("info", &[b"INFO", b"REPLICATION"]);
        let answer = self.nodes.ask_node(scrape, 0, 0, &batch).await?;
        let text = answer.as_ref().and_then(reply::bytes).unwrap_or_default();
        Ok(crate::info::Info::parse(text).facts.role == b"master")
    }
}

/// Ends a collector: what it has got is shown, whatever else went wrong.
fn finish(sink: &mut Sink, result: Result<(), CollectError>) {
    sink.commit();
    sink.end(result);
}

/// A node that did not answer costs what it holds; the collector says so.
fn trouble(nodes: &Nodes) -> Result<(), CollectError> {
    match &nodes.trouble {
        Some(trouble) => Err(CollectError::failed(trouble.to_string())),
        None => Ok(()),
    }
}

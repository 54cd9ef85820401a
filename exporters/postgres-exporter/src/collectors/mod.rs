//! The collectors: declarations of statements, and the table of them. Statements that may wait for a lock stand last: a
//! connection answers in order.

mod activity;
mod bloat;
mod buffercache;
mod checkpoints;
mod database;
mod functions;
mod indexes;
mod literals;
mod locks;
mod matviews;
mod process;
mod replication;
mod sequences;
mod settings;
mod statements;
mod tables;
mod vacuum;
mod wal;

use exporter_core::{Collector, Settings, SourceSpec};
use std::time::Duration;

use crate::select::Query;
use crate::{freshness, pgbouncer, queries, source};

/// Where a statement makes sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// Once a server.
    Instance,
    /// In each database.
    Database,
}

impl Scope {
    /// Whether a step of this scope is asked in a session of that one.
    pub(crate) fn is_within(self, session: Scope) -> bool {
        self == Scope::Database || session == Scope::Instance
    }
}

/// A statement of a collector.
pub(crate) struct Step {
    pub(crate) collector: &'static Collector,
    pub(crate) scope: Scope,
    pub(crate) query: &'static dyn Query,
}

const fn instance(collector: &'static Collector, query: &'static dyn Query) -> Step {
    Step { collector, scope: Scope::Instance, query }
}

const fn each(collector: &'static Collector, query: &'static dyn Query) -> Step {
    Step { collector, scope: Scope::Database, query }
}

/// All statements, in the order in which they are sent.
pub(crate) static STEPS: &[Step] = &[
    instance(&database::STAT_DATABASE, &database::STAT),
    instance(&database::CONFLICTS, &database::CONFLICTS_OF),
    instance(&database::WRAPAROUND, &database::AGES),
    instance(&database::ROLES, &database::ROLES_OF),
    instance(&activity::STAT_ACTIVITY, &activity::STATES),
    instance(&activity::SESSIONS, &activity::OLDEST),
    instance(&activity::SESSIONS, &activity::SLOW),
    instance(&activity::SESSIONS, &activity::PLACES),
    instance(&activity::LONG_RUNNING, &activity::TRANSACTIONS),
    instance(&activity::AUTOVACUUM, &activity::WORKERS),
    instance(&process::PROCESS_IDLE, &process::IDLE),
    instance(&process::POSTMASTER, &process::START),
    instance(&locks::LOCKS, &locks::COUNT),
    instance(&locks::BLOCKING, &locks::BLOCKED),
    instance(&replication::REPLICATION, &replication::LAG),
    instance(&replication::SLOTS, &replication::SLOTS_OF),
    instance(&replication::SLOTS, &replication::SLOT_POSITIONS),
    instance(&replication::SLOTS, &replication::SLOT_STATUS),
    instance(&replication::STAT_REPLICATION, &replication::STANDBYS),
    instance(&replication::WAL_RECEIVER, &replication::RECEIVER),
    instance(&replication::SUBSCRIPTION, &replication::SUBSCRIPTIONS),
    instance(&wal::ARCHIVER, &wal::ARCHIVED),
    instance(&wal::WAL, &wal::SEGMENTS),
    instance(&wal::STAT_WAL, &wal::WRITTEN),
    instance(&wal::BASEBACKUP, &wal::BACKUPS),
    instance(&checkpoints::BGWRITER, &checkpoints::WRITER),
    instance(&checkpoints::CHECKPOINTER, &checkpoints::CHECKPOINTS),
    instance(&checkpoints::IO, &checkpoints::IO_BY),
    instance(&checkpoints::SLRU, &checkpoints::SLRUS),
    instance(&vacuum::PROGRESS, &vacuum::RUNNING),
    instance(&vacuum::PROGRESS, &vacuum::PHASES),
    instance(&vacuum::XMIN, &vacuum::HOLDERS),
    instance(&vacuum::XMIN, &vacuum::PREPARED),
    instance(&settings::SETTINGS, &settings::VALUES),
    instance(&statements::STATEMENTS, &statements::TOP),
    instance(&statements::TEXTS, &statements::TEXTS_OF),
    instance(&buffercache::BUFFERCACHE, &buffercache::SUMMARY),
    each(&tables::USER_TABLES, &tables::USE),
    each(&tables::STATIO_TABLES, &tables::BLOCKS),
    each(&indexes::USER_INDEXES, &indexes::USE),
    each(&indexes::USER_INDEXES, &indexes::INVALID),
    each(&indexes::STATIO_INDEXES, &indexes::BLOCKS),
    each(&functions::FUNCTIONS, &functions::USE),
    each(&matviews::MATVIEWS, &matviews::VIEWS),
    each(&bloat::BLOAT, &bloat::ESTIMATE),
    each(&sequences::SEQUENCES, &sequences::USED),
    instance(&database::DATABASE, &database::SIZES),
    each(&tables::SIZES, &tables::SIZES_OF),
];

/// How long what a collector has found is good.
const TTLS: &[(&Collector, Duration)] = &[
    (&settings::SETTINGS, Duration::from_secs(300)),
    (&database::DATABASE, Duration::from_secs(60)),
    (&database::ROLES, Duration::from_secs(60)),
    (&tables::SIZES, Duration::from_secs(60)),
    (&indexes::USER_INDEXES, Duration::from_secs(60)),
    (&matviews::MATVIEWS, Duration::from_secs(15)),
    (&statements::STATEMENTS, Duration::from_secs(30)),
    (&statements::TEXTS, Duration::from_secs(900)),
    (&buffercache::BUFFERCACHE, Duration::from_secs(60)),
    (&functions::FUNCTIONS, Duration::from_secs(60)),
    (&sequences::SEQUENCES, Duration::from_secs(300)),
    (&bloat::BLOAT, Duration::from_secs(3600)),
];

/// What statements remember from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct State {
    statements: statements::Memory,
    matviews: matviews::Memory,
}

/// The collectors of a server's own source, in the order of the table.
pub(crate) fn of_server() -> Vec<&'static Collector> {
    let mut all = vec![&source::CONNECTION];
    for step in STEPS {
        if !all.iter().any(|known| std::ptr::eq(*known, step.collector)) {
            all.push(step.collector);
        }
    }
    all
}

/// All collectors.
pub(crate) fn all() -> Vec<&'static Collector> {
    let mut all = of_server();
    all.extend([&queries::QUERIES, &freshness::FRESHNESS, &pgbouncer::PGBOUNCER]);
    all
}

/// Those that are switched on: by their flag, by default, and not by the peer's switches for groups of them.
pub(crate) fn switched_on(settings: &Settings) -> Vec<&'static Collector> {
    let on = |collector: &&'static Collector| {
        let own = settings.is_set(&format!("collector.{}", collector.name));
        let legacy = LEGACY.iter().any(|legacy| std::ptr::eq(*legacy, *collector));
        let in_group = match collector.name {
            "connection" => return true,
            "settings" => settings.switch("disable-settings-metrics"),
            "stat_statements_text" if settings.switch("collector.stat_statements.include_query") => {
                return true;
            }
            "replication_slots" if !own && settings.is_set("collector.replication_slot") => {
                return settings.switch("collector.replication_slot");
            }
            "table_sizes" => !settings.enabled(&tables::USER_TABLES),
            _ => legacy && settings.switch("disable-default-metrics"),
        };
        settings.enabled(collector) && (own || !in_group)
    };
    of_server().into_iter().filter(on).collect()
}

/// What 0.19 had as maps.
const LEGACY: &[&Collector] = &[
    &activity::STAT_ACTIVITY,
    &wal::ARCHIVER,
    &replication::STAT_REPLICATION,
    &database::CONFLICTS,
    &settings::SETTINGS,
];

/// Sets times to live.
pub(crate) fn with_ttls(mut spec: SourceSpec) -> SourceSpec {
    for (collector, ttl) in TTLS {
        spec = spec.collector_ttl(collector, *ttl);
    }
    spec
}

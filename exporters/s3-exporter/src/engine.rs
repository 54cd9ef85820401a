//! Where all work is done: a thread and a runtime of its own, so that no page waits for a listing.

use exporter_core::ConfigError;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use crate::bucket::BucketSettings;
use crate::client::Endpoint;
use crate::config::file::UsageSource;
use crate::config::{Config, Watching, position};
use crate::discover::Buckets;
use crate::pass::state::State;
use crate::pass::watcher::Watcher;
use crate::probe::Prober;
use crate::usage::Usage;

/// How often the settings of buckets are asked for.
const SETTINGS: Duration = Duration::from_secs(3600);

/// When a pass has failed, another one follows sooner than at its interval, each time after twice as long.
const AGAIN: Duration = Duration::from_secs(30);

/// Between two times that the state is written, so many times the time that takes has to pass.
const SAVE_SHARE: u32 = 20;

/// What all sources and probes of one instance share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) shared: Arc<Shared>,
    running: OnceLock<Result<Running, String>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) buckets: Vec<Arc<Buckets>>,
    pub(crate) probers: Vec<Arc<Prober>>,
    pub(crate) state: State,
    /// A pass has ended: there is something to store.
    passed: Notify,
    targets: Mutex<Targets>,
}

/// Those of the configuration, and those that were discovered.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) watchers: Vec<Arc<Watcher>>,
    pub(crate) settings: Vec<Arc<BucketSettings>>,
    pub(crate) usages: Vec<Arc<Usage>>,
}

/// What a target adds besides its listing.
#[derive(Debug)]
pub(crate) struct Added {
    watcher: Arc<Watcher>,
    settings: Option<Arc<BucketSettings>>,
    usage: Option<Arc<Usage>>,
}

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Engine {
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        let endpoints = config
            .endpoints
            .iter()
            .map(|one| Endpoint::new(one).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let at = |name: &str| position(&config.endpoints, name).map(|at| endpoints[at].clone());
        let instance = instance(&config.path);
        let mut probers = Vec::new();
        for probe in &config.probes {
            let replica = probe.replica.as_ref().map(|replica| at(&replica.endpoint)).transpose();
            let (endpoint, replica) =
                at(&probe.endpoint).and_then(|one| Ok((one, replica?))).map_err(ConfigError::new)?;
            probers.push(Arc::new(Prober::new(endpoint, probe, replica, instance.clone())));
        }
        let mut targets = Targets::default();
        for watching in &config.targets {
            targets.add(&endpoints[watching.endpoint], watching.clone());
        }
        let buckets = endpoints.iter().enumerate().filter_map(|(at, endpoint)| {
            let discover = endpoint.config.discover.clone()?;
            Some(Arc::new(Buckets::new(endpoint.clone(), at, discover)))
        });
        let state = State::new(config.state.clone());
        state.load(&targets.watchers, &endpoints);
        let shared = Shared {
            buckets: buckets.collect(),
            endpoints,
            probers,
            state,
            passed: Notify::new(),
            targets: Mutex::new(targets),
        };
        Ok(Self { config, shared: Arc::new(shared), running: OnceLock::new() })
    }

    /// The runtime of the work, which begins with the first call.
    pub(crate) fn start(&self) -> Result<&Handle, String> {
        let running =
            self.running.get_or_init(|| Running::new(&self.shared).map_err(|error| error.to_string()));
        running
            .as_ref()
            .map(|running| &running.handle)
            .map_err(|error| format!("starting the worker: {error}"))
    }
}

impl Targets {
    /// Returns what is new.
    pub(crate) fn add(&mut self, endpoint: &Arc<Endpoint>, watching: Watching) -> Added {
        let bucket = watching.bucket.clone();
        let wants = watching.watch.bucket_settings;
        let is_known =
            self.settings.iter().any(|own| own.bucket == bucket && Arc::ptr_eq(&own.endpoint, endpoint));
        let settings =
            (wants && !is_known).then(|| Arc::new(BucketSettings::new(endpoint.clone(), bucket.clone())));
        self.settings.extend(settings.clone());
        let usage = (watching.watch.usage == UsageSource::Cloudwatch)
            .then(|| Arc::new(Usage::new(endpoint.clone(), bucket, watching.watch.usage_interval.0)));
        self.usages.extend(usage.clone());
        let watcher = Arc::new(Watcher::new(endpoint.clone(), watching, String::new()));
        self.watchers.push(watcher.clone());
        Added { watcher, settings, usage }
    }

    /// Everything of a bucket.
    pub(crate) fn remove(&mut self, endpoint: &Arc<Endpoint>, bucket: &str) {
        let is_other = |at: &Arc<Endpoint>, own: &str| own != bucket || !Arc::ptr_eq(at, endpoint);
        self.watchers.retain(|watcher| is_other(&watcher.endpoint, &watcher.watching.bucket));
        self.settings.retain(|settings| is_other(&settings.endpoint, &settings.bucket));
        self.usages.retain(|usage| is_other(&usage.endpoint, &usage.bucket));
    }
}

impl Shared {
    pub(crate) fn targets(&self) -> MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a target from now on. Returns the tasks that do.
    pub(crate) fn watch(self: &Arc<Self>, endpoint: &Arc<Endpoint>, watching: Watching) -> Vec<AbortHandle> {
        let added = self.targets().add(endpoint, watching);
        self.state.claim(&added.watcher);
        let tasks = [
            Some(tokio::spawn(watch(self.clone(), added.watcher, Duration::ZERO))),
            added.settings.map(|settings| tokio::spawn(keep_settings(settings))),
            added.usage.map(|usage| tokio::spawn(usage.run())),
        ];
        tasks.into_iter().flatten().map(|task| task.abort_handle()).collect()
    }

    /// Stores what passes have found, for ever. All of it is written each time: with a thousand targets that is not done a
    /// thousand times.
    async fn keep_state(self: Arc<Self>) {
        loop {
            self.passed.notified().await;
            let begin = Instant::now();
            let watchers = self.targets().watchers.clone();
            self.state.save(&watchers, &self.endpoints);
            tokio::time::sleep(begin.elapsed() * SAVE_SHARE).await;
        }
    }
}

impl Running {
    fn new(shared: &Arc<Shared>) -> std::io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = shared.clone();
        std::thread::Builder::new().name("s3".to_owned()).spawn(move || {
            runtime.block_on(async {
                begin(&shared);
                // Resolves when the engine is gone, too.
                let _ = stopped.await;
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, _stop: stop })
    }
}

/// Starts everything that runs by itself.
fn begin(shared: &Arc<Shared>) {
    let (watchers, settings, usages) = {
        let targets = shared.targets();
        (targets.watchers.clone(), targets.settings.clone(), targets.usages.clone())
    };
    tokio::spawn(shared.clone().keep_state());
    for usage in usages {
        tokio::spawn(usage.run());
    }
    for (at, watcher) in watchers.into_iter().enumerate() {
        // Not all at once: what they hold in memory would add up.
        let pause = Duration::from_millis(200) * u32::try_from(at.min(50)).unwrap_or(50);
        tokio::spawn(watch(shared.clone(), watcher, pause));
    }
    for settings in settings {
        tokio::spawn(keep_settings(settings));
    }
    for prober in &shared.probers {
        tokio::spawn(prober.clone().run());
    }
    for buckets in &shared.buckets {
        tokio::spawn(buckets.clone().run(shared.clone()));
    }
}

/// Passes at the target's interval; the first one when what is known from before is due again.
async fn watch(shared: Arc<Shared>, watcher: Arc<Watcher>, pause: Duration) {
    if watcher.watching.mode() == crate::config::file::Mode::None {
        return;
    }
    let interval = watcher.watching.watch.interval.0;
    let known = watcher.age().map_or(Duration::ZERO, |age| interval.saturating_sub(age));
    let first = tokio::time::Instant::now() + known.max(pause);
    let mut ticks = tokio::time::interval_at(first, interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut again = AGAIN.min(interval / 8);
        loop {
            watcher.start(&Handle::current());
            watcher.finished().await;
            shared.passed.notify_one();
            if !watcher.has_failed() || again >= interval {
                break;
            }
            tokio::time::sleep(again).await;
            again *= 2;
        }
    }
}

async fn keep_settings(settings: Arc<BucketSettings>) {
    let mut ticks = tokio::time::interval(SETTINGS);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        settings.look().await;
    }
}

/// This machine's name and what tells exporters on it apart, as part of a key: two that write one object would call each
/// other's bytes damage. It is the same after a restart.
fn instance(path: &str) -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String =
        name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).collect();
    let name = if plain.is_empty() { "exporter" } else { &plain };
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("{name}-{:08x}", hasher.finish() as u32)
}

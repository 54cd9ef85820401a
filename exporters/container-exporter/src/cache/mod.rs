//! What is known about all containers: kept current by news, read by scrapes, bounded.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use crate::model::{Action, Change, Container, DiskUsage, Engine, News};

/// Frozen `container_last_seen` of at most this many containers that are gone.
const MAX_TOMBSTONES: usize = 256;
/// A peer that says nothing for so long is not there any more.
const SILENCE: Duration = Duration::from_secs(35);

/// Why containers ended.
pub(crate) const EXIT_REASONS: [&str; 4] = ["clean", "error", "oom", "signal"];

/// A container and what was counted about it since we look.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) container: Arc<Container>,
    /// Changes with each start.
    pub(crate) life: u64,
    pub(crate) counts: Counts,
    /// The cgroup's path, once it was seen.
    pub(crate) path: Option<Arc<str>>,
    endpoint: Arc<str>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) starts: u64,
    /// By [`EXIT_REASONS`].
    pub(crate) exits: [u64; 4],
    oom_before: u64,
    oom_events: u64,
    oom_read: u64,
    /// Kills that the engine told of since the last end.
    oom_since_end: u64,
}

impl Counts {
    /// Kills in all lives: of each the larger of what the engine told and what the cgroup has counted. A cgroup that is
    /// gone cannot be read, and the engine does not tell of each process.
    pub(crate) fn oom_kills(&self) -> u64 {
        self.oom_before + self.oom_events.max(self.oom_read)
    }

    /// What a scrape has just read.
    pub(crate) fn read(&mut self, kills: Option<u64>) {
        self.oom_read = self.oom_read.max(kills.unwrap_or(0));
    }

    fn begin_life(&mut self) {
        self.oom_before = self.oom_kills();
        (self.oom_events, self.oom_read) = (0, 0);
    }
}

/// Where a container was seen last.
#[derive(Clone, Debug)]
pub(crate) struct Tombstone {
    pub(crate) container: Arc<Container>,
    pub(crate) path: Option<Arc<str>>,
    pub(crate) last_seen: f64,
    until: Instant,
}

/// One engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct EngineState {
    pub(crate) up: bool,
    pub(crate) engine: Option<Engine>,
    pub(crate) disk: Option<DiskUsage>,
    pub(crate) reconnects: u64,
    pub(crate) events: [u64; Action::NAMES.len()],
    /// When it was last known to be well.
    pub(crate) confirmed: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) containers: BTreeMap<String, Entry>,
    pub(crate) engines: BTreeMap<Arc<str>, EngineState>,
    pub(crate) tombstones: VecDeque<Tombstone>,
    /// Containers that were left out for the limit, counted each time they are told of.
    pub(crate) dropped: u64,
    /// When containers were last seen alive by a scrape.
    seen: HashMap<String, f64>,
}

/// Shared by those who bring news and those who read.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    state: Arc<Mutex<State>>,
    tombstone: Duration,
    max_containers: usize,
}

impl Cache {
    pub(crate) fn new(tombstone: Duration, max_containers: usize) -> Self {
        Self { state: Arc::default(), tombstone, max_containers }
    }

    /// For those who bring news: they end when nobody reads any more.
    pub(crate) fn downgrade(&self) -> WeakCache {
        WeakCache {
            state: Arc::downgrade(&self.state),
            tombstone: self.tombstone,
            max_containers: self.max_containers,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An engine that is to be watched; down until it says otherwise.
    pub(crate) fn expect(&self, endpoint: &str) {
        self.lock().engines.entry(endpoint.into()).or_default();
    }

    /// All engines are out of reach: the one that tells about them is.
    pub(crate) fn lost(&self) {
        for engine in self.lock().engines.values_mut() {
            engine.up = false;
        }
    }

    pub(crate) fn apply(&self, news: News) {
        let mut state = self.lock();
        let endpoint: Arc<str> = match state.engines.get_key_value(news.endpoint.as_str()) {
            Some((known, _)) => known.clone(),
            None => news.endpoint.as_str().into(),
        };
        let engine = state.engines.entry(endpoint.clone()).or_default();
        if !matches!(news.change, Change::Down) {
            engine.confirmed = Some(Instant::now());
        }
        match news.change {
            Change::Up(found) => (engine.up, engine.engine) = (true, Some(found)),
            Change::Down => engine.up = false,
            Change::Alive => engine.up = true,
            Change::Reconnected => engine.reconnects += 1,
            Change::Disk(found) => {
                for (id, bytes) in &found.containers {
                    if let Some(entry) = state.containers.get_mut(id) {
                        Arc::make_mut(&mut entry.container).layer_bytes = Some(*bytes);
                    }
                }
                if let Some(engine) = state.engines.get_mut(&endpoint) {
                    engine.disk = Some(found);
                }
            }
            Change::Event(event) => {
                engine.events[event.action.index()] += 1;
                if let Some(entry) = state.containers.get_mut(&event.container) {
                    entry.count(event.action);
                }
            }
            Change::Reset(all) => {
                let gone: Vec<_> = state
                    .containers
                    .iter()
                    .filter(|(id, entry)| entry.endpoint == endpoint && !all.iter().any(|one| one.id == **id))
                    .map(|(id, _)| id.clone())
                    .collect();
                for id in gone {
                    self.remove(&mut state, &id);
                }
                for container in all {
                    self.put(&mut state, container, &endpoint);
                }
                self.limit(&mut state);
            }
            Change::Put(container) => {
                self.put(&mut state, *container, &endpoint);
                self.limit(&mut state);
            }
            Change::Gone(id) => self.remove(&mut state, &id),
        }
    }

    fn put(&self, state: &mut State, mut container: Container, endpoint: &Arc<str>) {
        let id = container.id.clone();
        let Some(entry) = state.containers.get_mut(&id) else {
            let entry = Entry {
                life: 0,
                counts: Counts::default(),
                path: None,
                endpoint: endpoint.clone(),
                container: Arc::new(container),
            };
            state.containers.insert(id, entry);
            return;
        };
        if container.layer_bytes.is_none() {
            container.layer_bytes = entry.container.layer_bytes;
        }
        let (was, is) = (entry.container.state.is_alive(), container.state.is_alive());
        if container.started != entry.container.started {
            entry.life += 1;
            entry.counts.begin_life();
        }
        entry.container = Arc::new(container);
        if was && !is {
            let entry = entry.clone();
            self.bury(state, &entry);
        } else if is {
            state.tombstones.retain(|tombstone| tombstone.container.id != id);
        }
    }

    fn remove(&self, state: &mut State, id: &str) {
        if let Some(entry) = state.containers.remove(id)
            && entry.container.state.is_alive()
        {
            self.bury(state, &entry);
        }
        state.seen.remove(id);
    }

    /// The newest are left out: what has been watched for long goes on being watched.
    fn limit(&self, state: &mut State) {
        let excess = state.containers.len().saturating_sub(self.max_containers);
        state.dropped += excess as u64;
        if excess == 0 {
            return;
        }
        let mut by_age: Vec<_> =
            state.containers.iter().map(|(id, entry)| (entry.container.created, id.clone())).collect();
        by_age.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (_, id) in by_age.drain(self.max_containers..) {
            state.containers.remove(&id);
            state.seen.remove(&id);
        }
    }

    fn bury(&self, state: &mut State, entry: &Entry) {
        let id = &entry.container.id;
        let Some(last_seen) = state.seen.remove(id) else { return };
        state.tombstones.retain(|tombstone| tombstone.container.id != *id);
        if self.tombstone.is_zero() {
            return;
        }
        state.tombstones.push_back(Tombstone {
            container: entry.container.clone(),
            path: entry.path.clone(),
            last_seen,
            until: Instant::now() + self.tombstone,
        });
        while state.tombstones.len() > MAX_TOMBSTONES {
            state.tombstones.pop_front();
        }
    }

    /// What a scrape has found: alive at this time, under this path, with so many kills in this life.
    pub(crate) fn report(&self, found: &[Found]) {
        let mut state = self.lock();
        let state = &mut *state;
        for found in found {
            let Some(entry) = state.containers.get_mut(&found.id) else { continue };
            if entry.path.as_deref() != Some(&*found.path) {
                entry.path = Some(found.path.clone());
            }
            match found.oom_kills {
                Some(kills) if found.life == entry.life => {
                    entry.counts.oom_read = entry.counts.oom_read.max(kills);
                }
                _ => {}
            }
            match state.seen.get_mut(&found.id) {
                Some(seen) => *seen = found.at,
                None => drop(state.seen.insert(found.id.clone(), found.at)),
            }
        }
    }
}

/// A [`Cache`] that does not keep it alive.
#[derive(Clone, Debug)]
pub(crate) struct WeakCache {
    state: Weak<Mutex<State>>,
    tombstone: Duration,
    max_containers: usize,
}

impl WeakCache {
    pub(crate) fn upgrade(&self) -> Option<Cache> {
        let state = self.state.upgrade()?;
        Some(Cache { state, tombstone: self.tombstone, max_containers: self.max_containers })
    }
}

/// See [`Cache::report`].
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) life: u64,
    pub(crate) path: Arc<str>,
    pub(crate) oom_kills: Option<u64>,
    pub(crate) at: f64,
}

impl Entry {
    /// The address of its engine.
    pub(crate) fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    fn count(&mut self, action: Action) {
        match action {
            Action::Start => {
                self.counts.starts += 1;
            }
            Action::Oom => {
                self.counts.oom_events += 1;
                self.counts.oom_since_end += 1;
            }
            Action::Die { exit_code } => {
                // Engines do not tell of every kill: a life of milliseconds may end before they watch it.
                let told = std::mem::take(&mut self.counts.oom_since_end);
                let killed = told.max(self.counts.oom_read) > 0 && exit_code == 137;
                let reason = match exit_code {
                    0 => 0,
                    _ if killed => 2,
                    code if code > 128 => 3,
                    _ => 1,
                };
                self.counts.exits[reason] += 1;
            }
            _ => {}
        }
    }
}

impl State {
    /// Tombstones that still stand.
    pub(crate) fn standing(&mut self) -> impl Iterator<Item = &Tombstone> {
        let now = Instant::now();
        self.tombstones.retain(|tombstone| tombstone.until > now);
        self.tombstones.iter()
    }
}

impl State {
    /// All that is known, as news for somebody who knows nothing yet.
    pub(crate) fn as_news(&self) -> Vec<News> {
        let mut all = Vec::new();
        for (endpoint, engine) in &self.engines {
            let news = |change| News { endpoint: endpoint.to_string(), change };
            let own = self.containers.values().filter(|entry| entry.endpoint == *endpoint);
            all.push(news(Change::Reset(own.map(|entry| (*entry.container).clone()).collect())));
            all.extend(engine.disk.clone().map(|disk| news(Change::Disk(disk))));
            all.push(match (&engine.engine, engine.is_up()) {
                (Some(engine), true) => news(Change::Up(engine.clone())),
                _ => news(Change::Down),
            });
        }
        all
    }
}

impl EngineState {
    /// Whether it answers, as far as we have heard lately.
    pub(crate) fn is_up(&self) -> bool {
        self.up && self.confirmed.is_some_and(|at| at.elapsed() < SILENCE)
    }
}

/// Unix seconds.
pub(crate) fn unix(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

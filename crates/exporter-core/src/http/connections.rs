//! The connections there are, at most so many. When one more comes, the one that has been idle longest makes room, so
//! that whoever asks for something is served, however many others only hold a connection open.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// The table of all connections of a server.
#[derive(Debug)]
pub(crate) struct Connections {
    cap: usize,
    epoch: Instant,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    entries: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    activity: Arc<Activity>,
    task: Option<AbortHandle>,
}

/// What a connection is doing.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// A request is being answered. While its answer is written, the connection counts as idle: one that does not read
    /// may go.
    busy: AtomicBool,
    /// Since when, in nanoseconds of the table's epoch.
    since: AtomicU64,
    requests: AtomicU32,
    /// When writing last had to wait, until it makes progress; 0 where it has not. In the table's time.
    stalled: AtomicU64,
}

impl Activity {
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// How many requests have come, to notice a new one.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Connections {
    pub(crate) fn new(cap: usize) -> Arc<Self> {
        Arc::new(Self { cap: cap.max(1), epoch: Instant::now(), table: Mutex::default() })
    }

    /// A place for one more; the second value says whether another had to go.
    pub(crate) fn place(self: &Arc<Self>) -> (Place, bool) {
        let evicted = self.lock().entries.len() >= self.cap && self.evict();
        let activity = Arc::new(Activity::default());
        self.mark(&activity, false);
        let mut table = self.lock();
        table.next += 1;
        let id = table.next;
        table.entries.insert(id, Entry { activity: activity.clone(), task: None });
        (Place { id, activity, connections: self.clone() }, evicted)
    }

    /// Says which task serves the connection, so that it can be ended.
    pub(crate) fn serves(&self, id: u64, task: AbortHandle) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            entry.task = Some(task);
        }
    }

    /// Ends the connection that has been idle longest; where all are busy, the one that has been so longest: it costs
    /// its client a page, not the source a run.
    pub(crate) fn evict(&self) -> bool {
        let mut table = self.lock();
        let longest = table.entries.iter().min_by_key(|(id, entry)| {
            (entry.activity.is_busy(), entry.activity.since.load(Ordering::Relaxed), **id)
        });
        let Some(id) = longest.map(|(id, _)| *id) else { return false };
        let entry = table.entries.remove(&id);
        drop(table);
        if let Some(task) = entry.and_then(|entry| entry.task) {
            task.abort();
        }
        true
    }

    /// Ends the connections whose clients have not read for this long.
    pub(crate) fn evict_stalled(&self, least: Duration) {
        let now = self.now();
        let least = u64::try_from(least.as_nanos()).unwrap_or(u64::MAX);
        let stalled = |entry: &Entry| {
            let since = entry.activity.stalled.load(Ordering::Relaxed);
            since > 0 && now.saturating_sub(since) >= least
        };
        let mut ended = Vec::new();
        self.lock().entries.retain(|_, entry| {
            let ends = stalled(entry);
            ended.extend(entry.task.take_if(|_| ends));
            !ends
        });
        ended.iter().for_each(AbortHandle::abort);
    }

    /// How many there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().entries.len()
    }

    fn mark(&self, activity: &Activity, busy: bool) {
        activity.since.store(self.now(), Ordering::Relaxed);
        activity.busy.store(busy, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's entry in the table, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) id: u64,
    activity: Arc<Activity>,
    connections: Arc<Connections>,
}

impl Place {
    pub(crate) fn reading(&self) -> Reading {
        Reading { activity: self.activity.clone(), connections: self.connections.clone() }
    }

    /// Busy until the returned value is dropped, be that at the answer or because the client went away.
    pub(crate) fn request(&self) -> Busy<'_> {
        self.activity.requests.fetch_add(1, Ordering::Relaxed);
        self.connections.mark(&self.activity, true);
        Busy(self)
    }
}

/// Tells the table that a client does not read, or does again.
#[derive(Debug)]
pub(crate) struct Reading {
    activity: Arc<Activity>,
    connections: Arc<Connections>,
}

impl Reading {
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    pub(crate) fn stalled(&self, stalled: bool) {
        let since = if stalled { self.connections.now().max(1) } else { 0 };
        self.activity.stalled.store(since, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().entries.remove(&self.id);
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a Place);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.connections.mark(&self.0.activity, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_goes_first_and_the_busy_last() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let connections = Connections::new(3);
            let mut tasks = Vec::new();
            let mut place = || {
                let (place, evicted) = connections.place();
                let task = tokio::spawn(std::future::pending::<()>());
                connections.serves(place.id, task.abort_handle());
                tasks.push(task);
                (place, evicted)
            };
            let (busy, _) = place();
            let (idle, _) = place();
            let (_recent, _) = place();
            drop(idle.request());
            let _request = busy.request();
            // The third came before the second's request ended, so it is the longest idle one.
            let (_fourth, evicted) = place();
            assert!(evicted);
            let (_fifth, _) = place();
            let mut ended = Vec::new();
            for task in &mut tasks {
                tokio::task::yield_now().await;
                ended.push(task.is_finished());
            }
            assert_eq!(ended, [false, true, true, false, false]);
            assert_eq!(connections.len(), 3);
            drop(busy.request());
        });
    }

    #[test]
    fn places_are_given_back() {
        let connections = Connections::new(2);
        for _ in 0..10 {
            let (_place, evicted) = connections.place();
            assert!(!evicted);
        }
        assert_eq!(connections.len(), 0);
    }
}

//! Sources that run by themselves.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::slot::Slot;
use super::worker::Worker;

/// How often a pass is looked after while it runs.
const LOOK: Duration = Duration::from_millis(250);
/// Passes are this far apart at least.
const SHORTEST: Duration = Duration::from_millis(100);

/// The tasks that start passes; they end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Background {
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    /// Starts the source's passes, if it has an interval.
    pub(crate) fn start(&self, slot: &Arc<Slot>, worker: &Arc<Worker>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interval) = slot.spec().background {
            let task = tokio::spawn(passes(Arc::downgrade(slot), worker.clone(), interval));
            tasks.push(task);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

async fn passes(slot: Weak<Slot>, worker: Arc<Worker>, interval: Duration) {
    // A clock cannot tick at nought.
    let interval = interval.max(SHORTEST);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(slot) = slot.upgrade() else { return };
        let deadline = Instant::now() + interval;
        let mut jobs = Vec::new();
        let joined = slot.join_now(deadline, &mut jobs);
        worker.submit(jobs);
        while joined.pending().is_some() && Instant::now() < deadline {
            tokio::time::sleep(LOOK.min(interval / 10)).await;
            worker.relieve();
        }
        if let Some(run) = joined.pending() {
            slot.lost(run);
        }
    }
}

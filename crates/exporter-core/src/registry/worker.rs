//! The thread on which blocking sources run, one after the other.
//!
//! A scrape hands over all of them at once: one hop, not one a collector. When the source at hand stalls and others
//! wait behind it, a replacement thread takes over the queue; the stalled thread ends by itself when its call returns.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

use super::slot::Slot;
use crate::source::{BlockingSource, BoxedSource, Run, Sink};

/// A source that takes longer than this lets the others wait no more.
const STALL: Duration = Duration::from_millis(100);
/// Threads that may hang at once before the queue has to wait for one of them.
const MAX_STUCK: usize = 8;

/// A blocking source, about to run.
pub(crate) struct Job {
    pub(crate) slot: Arc<Slot>,
    pub(crate) source: Box<dyn BlockingSource>,
    pub(crate) sink: Sink,
    pub(crate) run: Arc<Run>,
}

impl Job {
    fn execute(mut self) {
        self.sink.started();
        let result = super::caught(|| self.source.collect(&self.run.scrape, &mut self.sink));
        self.slot.ended(BoxedSource::Blocking(self.source), self.sink, &self.run, result);
    }
}

#[derive(Debug)]
pub(crate) struct Worker {
    queue: Mutex<Queue>,
    progress: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Since when the thread in charge is busy with one job; none while there is no such thread.
    busy_since: Option<Instant>,
    /// Names the thread in charge; raised when it is replaced.
    generation: u64,
    stuck: usize,
    stalls: u64,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl Worker {
    pub(crate) fn new(progress: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), progress })
    }

    /// Queues the jobs and makes sure that a thread works on them. Needs a tokio runtime.
    pub(crate) fn submit(self: &Arc<Self>, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut queue = self.lock();
        queue.jobs.extend(jobs);
        if queue.busy_since.is_none() {
            self.take_charge(&mut queue);
        }
    }

    /// Puts another thread in charge if the present one stalls while jobs wait. Called by those who wait.
    pub(crate) fn relieve(self: &Arc<Self>) {
        let mut queue = self.lock();
        let stalled = queue.busy_since.is_some_and(|since| since.elapsed() > STALL);
        if stalled && !queue.jobs.is_empty() && queue.stuck < MAX_STUCK {
            queue.stuck += 1;
            queue.stalls += 1;
            self.take_charge(&mut queue);
        }
    }

    /// Threads that hang now, and how often one was replaced.
    pub(crate) fn stalls(&self) -> (usize, u64) {
        let queue = self.lock();
        (queue.stuck, queue.stalls)
    }

    fn take_charge(self: &Arc<Self>, queue: &mut Queue) {
        queue.generation += 1;
        queue.busy_since = Some(Instant::now());
        let (worker, generation) = (self.clone(), queue.generation);
        tokio::task::spawn_blocking(move || worker.work(generation));
    }

    fn work(&self, generation: u64) {
        loop {
            let mut queue = self.lock();
            if queue.generation != generation {
                queue.stuck -= 1;
                break;
            }
            let Some(job) = queue.jobs.pop_front() else {
                queue.busy_since = None;
                break;
            };
            queue.busy_since = Some(Instant::now());
            drop(queue);
            job.execute();
        }
        // Once a batch: a wake-up a source would cost more than most sources do.
        self.progress.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The thread on which blocking sources run, one after the other.
//!
//! A scrape hands over all of them at once: one hop, not one a collector. When the source at hand stalls and others
//! wait behind it, a replacement thread takes over the queue; the stalled thread ends by itself when its call returns.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
        // One that has panicked is let go here, and may panic again in that: the thread has others to run.
        let Self { slot, source, sink, run } = self;
        if let Err(panic) = super::caught(|| slot.ended(BoxedSource::Blocking(source), sink, &run, result)) {
            tracing::error!(panic, "a source panicked when it was let go");
        }
    }
}

/// The queue and its threads. They end when this is dropped; one that hangs ends when its call returns.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// There are jobs, or no more use for the thread.
    work: Condvar,
    progress: Arc<Notify>,
    /// Changed under the queue's lock; to be read without it, which a scrape would else wait for while it is woken.
    stuck: AtomicUsize,
    stalls: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Since when the thread in charge is busy with one job; none while it waits for jobs.
    busy_since: Option<Instant>,
    /// Names the thread in charge; raised when it is replaced.
    generation: u64,
    /// Whether there is a thread in charge.
    staffed: bool,
    closed: bool,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl Worker {
    pub(crate) fn new(progress: Arc<Notify>) -> Self {
        let shared = Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            progress,
            stuck: AtomicUsize::new(0),
            stalls: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Queues the jobs and makes sure that a thread works on them.
    pub(crate) fn submit(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut queue = self.shared.lock();
        queue.jobs.extend(jobs);
        if queue.staffed {
            self.shared.work.notify_one();
        } else {
            self.staff(&mut queue);
        }
    }

    /// Puts another thread in charge if the present one stalls while jobs wait. Called by those who wait.
    pub(crate) fn relieve(&self) {
        let mut queue = self.shared.lock();
        let stalled = queue.busy_since.is_some_and(|since| since.elapsed() > STALL);
        if stalled && !queue.jobs.is_empty() && self.stalls().0 < MAX_STUCK {
            self.shared.stuck.fetch_add(1, Ordering::Relaxed);
            self.shared.stalls.fetch_add(1, Ordering::Relaxed);
            self.staff(&mut queue);
        }
    }

    /// Threads that hang now, and how often one was replaced.
    pub(crate) fn stalls(&self) -> (usize, u64) {
        (self.shared.stuck.load(Ordering::Relaxed), self.shared.stalls.load(Ordering::Relaxed))
    }

    /// One thread of our own that stays, not one of the runtime's: that would start a new one whenever the last has not
    /// yet gone to sleep, and each costs its own heap.
    fn staff(&self, queue: &mut Queue) {
        queue.generation += 1;
        queue.busy_since = Some(Instant::now());
        let (shared, generation) = (self.shared.clone(), queue.generation);
        let thread = std::thread::Builder::new().name("collect".to_owned());
        queue.staffed = match thread.spawn(move || shared.work(generation)) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(%error, "no thread for collectors; they wait");
                queue.busy_since = None;
                false
            }
        };
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn work(&self, generation: u64) {
        let mut queue = self.lock();
        loop {
            if queue.generation != generation {
                self.stuck.fetch_sub(1, Ordering::Relaxed);
                break;
            }
            if queue.closed {
                break;
            }
            if let Some(job) = queue.jobs.pop_front() {
                queue.busy_since = Some(Instant::now());
                drop(queue);
                job.execute();
                queue = self.lock();
                continue;
            }
            if queue.busy_since.take().is_some() {
                // Once a batch: a wake-up a source would cost more than most sources do.
                self.progress.notify_waiters();
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        self.progress.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The thread on which blocking sources run, one after the other.
//!
//! A scrape hands over all of them at once: one hop, not one a collector. When the source at hand stalls and others
//! wait behind it, a replacement thread takes over the queue; the stalled thread ends by itself when its call returns.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

use super::slot::Slot;
use crate::source::{BlockingSource, BoxedSource, Run, Sink};

/// A source that takes longer than this lets the others wait no more.
const STALL: Duration = Duration::from_millis(100);
/// Threads that may hang at once before the queue has to wait for one of them.
const MAX_STUCK: usize = 8;
/// Threads for the probes of one exporter: as many as may be under way at once, and as many again that hang.
const MAX_OF_PROBES: usize = 128;
const IDLE_OF_PROBES: Duration = Duration::from_secs(5);

/// How many threads there may be, and how long one waits for work.
#[derive(Debug)]
pub(crate) struct Threads {
    most: usize,
    idle: Option<Duration>,
    running: AtomicUsize,
    told: AtomicBool,
}

impl Threads {
    /// For an instance: its thread stays.
    pub(crate) fn of_an_instance() -> Arc<Self> {
        Self::new(MAX_STUCK + 1, None)
    }

    /// For all targets of one exporter's probes together: a thread of a target that nobody asks for goes.
    pub(crate) fn of_probes() -> Arc<Self> {
        Self::new(MAX_OF_PROBES, Some(IDLE_OF_PROBES))
    }

    fn new(most: usize, idle: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { most, idle, running: AtomicUsize::new(0), told: AtomicBool::new(false) })
    }

    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// A place for one more thread.
    fn place(self: &Arc<Self>) -> Option<Place> {
        let more = |running| (running < self.most).then_some(running + 1);
        let place = self.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if place.is_err() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                threads = self.most,
                "all threads for collectors hang or are at work; others wait"
            );
        }
        place.ok().map(|_| Place(self.clone()))
    }
}

/// Given back when the thread ends.
struct Place(Arc<Threads>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

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
    threads: Arc<Threads>,
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
    pub(crate) fn new(progress: Arc<Notify>, threads: Arc<Threads>) -> Self {
        let shared = Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            progress,
            stuck: AtomicUsize::new(0),
            stalls: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), threads }
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
        if !queue.staffed && !queue.jobs.is_empty() {
            return self.staff(&mut queue);
        }
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
        queue.staffed = false;
        let Some(place) = self.threads.place() else { return };
        queue.busy_since = Some(Instant::now());
        let (shared, generation, idle) = (self.shared.clone(), queue.generation, self.threads.idle);
        let thread = std::thread::Builder::new().name("collect".to_owned());
        let work = move || {
            shared.work(generation, idle);
            drop(place);
        };
        queue.staffed = match thread.spawn(work) {
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
    fn work(&self, generation: u64, idle: Option<Duration>) {
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
            let Some(idle) = idle else {
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (woken, waited) = self.work.wait_timeout(queue, idle).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if waited.timed_out() && queue.jobs.is_empty() && queue.generation == generation {
                queue.staffed = false;
                break;
            }
        }
        drop(queue);
        self.progress.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One source's place in the registry: idle, running, or broken until it is rebuilt.
//!
//! The state machine keeps the promise that a source never runs twice at once. Whoever wants it while it runs joins
//! that run; a run that has already taken longer than the newcomer would grant it is reported as stuck at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::worker::Job;
use crate::source::{BoxedSource, CollectError, Collector, Outcome, Run, Sink, Source, SourceSpec};

/// Deadlines in a row that an asynchronous source may lose before it is rebuilt.
const LOST_BEFORE_REBUILD: u32 = 3;
const MAX_BACK_OFF: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Slot {
    spec: SourceSpec,
    inner: Mutex<Inner>,
    progress: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Rebuilds since the last run that ended; sets the back-off.
    failures: u32,
}

#[derive(Debug)]
enum State {
    Idle {
        source: BoxedSource,
        sink: Sink,
        last: Arc<Run>,
    },
    Running {
        run: Arc<Run>,
        abort: Option<AbortHandle>,
        lost: u32,
    },
    Broken {
        retry_at: Instant,
        why: String,
    },
    /// Only while the lock is held.
    Moving,
}

/// What somebody who wants a source's data gets.
#[derive(Debug)]
pub(crate) enum Joined {
    /// A run, new or under way.
    Run(Arc<Run>),
    /// Nothing: it hangs since an earlier scrape.
    Stuck,
    /// Nothing: it panicked or was given up, and is not rebuilt yet.
    Broken(String),
}

impl Slot {
    pub(crate) fn new(
        spec: SourceSpec,
        progress: Arc<Notify>,
    ) -> Result<Arc<Self>, crate::exporter::ConfigError> {
        let state = Self::idle(&spec, (spec.make)()?);
        Ok(Arc::new(Self { spec, inner: Mutex::new(Inner { state, failures: 0 }), progress }))
    }

    pub(crate) fn collectors(&self) -> &[&'static Collector] {
        &self.spec.collectors
    }

    /// Joins the run under way or starts one. Blocking sources are not started here but appended to `jobs`.
    pub(crate) fn join(self: &Arc<Self>, deadline: Instant, jobs: &mut Vec<Job>) -> Joined {
        let now = Instant::now();
        let budget = deadline.saturating_duration_since(now);
        let mut inner = self.lock();
        self.rebuild_if_due(&mut inner, now);
        match std::mem::replace(&mut inner.state, State::Moving) {
            State::Idle { source, sink, last } => {
                let run = fresh(last, self.spec.collectors.len(), budget);
                let (state, job) = self.start(source, sink, &run);
                inner.state = state;
                jobs.extend(job);
                Joined::Run(run)
            }
            State::Running { run, abort, lost } => {
                let stuck = now.saturating_duration_since(run.scrape.started()) > budget;
                if !stuck {
                    run.scrape.extend(deadline);
                }
                inner.state = State::Running { run: run.clone(), abort, lost };
                if stuck {
                    self.count_lost(&mut inner, &run);
                    Joined::Stuck
                } else {
                    Joined::Run(run)
                }
            }
            State::Broken { retry_at, why } => {
                let told = format!("{why}; rebuilt in {} s", (retry_at - now).as_secs() + 1);
                inner.state = State::Broken { retry_at, why };
                Joined::Broken(told)
            }
            State::Moving => unreachable_state(),
        }
    }

    /// A waiter has left this run at its deadline.
    pub(crate) fn lost(&self, run: &Arc<Run>) {
        self.count_lost(&mut self.lock(), run);
    }

    fn start(self: &Arc<Self>, source: BoxedSource, mut sink: Sink, run: &Arc<Run>) -> (State, Option<Job>) {
        sink.attach(run.clone());
        match source {
            BoxedSource::Async(source) => {
                let task = tokio::spawn(self.clone().run_async(source, sink, run.clone()));
                (State::Running { run: run.clone(), abort: Some(task.abort_handle()), lost: 0 }, None)
            }
            BoxedSource::Blocking(source) => {
                let job = Job { slot: self.clone(), source, sink, run: run.clone() };
                (State::Running { run: run.clone(), abort: None, lost: 0 }, Some(job))
            }
        }
    }

    async fn run_async(self: Arc<Self>, mut source: Box<dyn Source>, mut sink: Sink, run: Arc<Run>) {
        let result = {
            let mut future = source.collect(&run.scrape, &mut sink);
            std::future::poll_fn(|context| match super::caught(|| future.as_mut().poll(context)) {
                Ok(poll) => poll.map(Ok),
                Err(panic) => std::task::Poll::Ready(Err(panic)),
            })
            .await
        };
        self.ended(BoxedSource::Async(source), sink, &run, result);
        self.progress.notify_waiters();
    }

    /// Takes the source back after a run. `Err` holds a panic's message; the source is not used again then.
    pub(crate) fn ended(
        &self,
        source: BoxedSource,
        mut sink: Sink,
        run: &Arc<Run>,
        result: Result<Result<(), CollectError>, String>,
    ) {
        let mut inner = self.lock();
        let current = matches!(&inner.state, State::Running { run: own, .. } if Arc::ptr_eq(own, run));
        match result {
            Ok(result) => {
                sink.detach(result);
                if current {
                    inner.failures = 0;
                    inner.state = State::Idle { source, sink, last: run.clone() };
                }
            }
            Err(panic) => {
                let why = format!("panicked: {panic}");
                run.finish(&Outcome::Error(why.clone()));
                if current {
                    self.break_down(&mut inner, why);
                }
            }
        }
    }

    fn count_lost(&self, inner: &mut Inner, run: &Arc<Run>) {
        let State::Running { run: own, abort, lost } = &mut inner.state else { return };
        if !Arc::ptr_eq(own, run) {
            return;
        }
        *lost += 1;
        // A thread that hangs in a system call cannot be ended; only its scrapes are spared the wait.
        if *lost >= LOST_BEFORE_REBUILD
            && let Some(abort) = abort.take()
        {
            abort.abort();
            run.finish(&Outcome::Timeout);
            self.break_down(inner, format!("not ready after {LOST_BEFORE_REBUILD} deadlines"));
            self.progress.notify_waiters();
        }
    }

    fn break_down(&self, inner: &mut Inner, why: String) {
        inner.failures += 1;
        let retry_at = Instant::now() + back_off(inner.failures);
        inner.state = State::Broken { retry_at, why };
    }

    fn rebuild_if_due(&self, inner: &mut Inner, now: Instant) {
        if !matches!(inner.state, State::Broken { retry_at, .. } if retry_at <= now) {
            return;
        }
        match (self.spec.make)() {
            Ok(source) => inner.state = Self::idle(&self.spec, source),
            Err(error) => self.break_down(inner, error.to_string()),
        }
    }

    fn idle(spec: &SourceSpec, source: BoxedSource) -> State {
        let last = Arc::new(Run::new(spec.collectors.len(), Duration::ZERO));
        State::Idle { source, sink: Sink::new(spec.collectors.clone()), last }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last run made new, if nobody reads it any more; its memory serves again then.
fn fresh(mut last: Arc<Run>, collectors: usize, budget: Duration) -> Arc<Run> {
    match Arc::get_mut(&mut last) {
        Some(run) => {
            run.restart(budget);
            last
        }
        None => Arc::new(Run::new(collectors, budget)),
    }
}

fn back_off(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(MAX_BACK_OFF)
}

/// `State::Moving` is set and replaced under one lock, so nobody ever finds it.
fn unreachable_state() -> Joined {
    Joined::Broken("internal error: source in motion".to_owned())
}

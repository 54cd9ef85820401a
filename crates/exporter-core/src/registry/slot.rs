//! One source's place in the registry: idle, running, or broken until it is rebuilt.
//!
//! The state machine keeps the promise that a source never runs twice at once. Whoever wants it while it runs joins
//! that run; a run that has already taken longer than the newcomer would grant it is reported as stuck at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use exposition::{LabelValue, Labels};

use super::worker::Job;
use crate::exporter::ConfigError;
use crate::source::{
    BoxedSource, CollectError, Collector, Outcome, Part, Run, Scrape, Sink, Source, SourceSpec,
};

/// Deadlines in a row that an asynchronous source may lose before it is rebuilt.
const LOST_BEFORE_REBUILD: u32 = 3;
const MAX_BACK_OFF: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Slot {
    spec: SourceSpec,
    /// The `collector` label of each, written once.
    labels: Vec<Labels>,
    inner: Mutex<Inner>,
    progress: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Rebuilds since the last run that ended; sets the back-off.
    failures: u32,
    /// The last run that ended, where its data may be served again.
    kept: Option<Arc<Run>>,
}

#[derive(Debug)]
enum State {
    Idle {
        source: BoxedSource,
        sink: Sink,
        /// A run whose memory may serve again.
        spare: Arc<Run>,
        /// Until when the spare run, which found nothing, stands for new ones.
        absent_until: Option<Instant>,
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
pub(crate) struct Joined {
    /// Whose pages to serve.
    pub(crate) run: Option<Arc<Run>>,
    /// Whether that run is worth waiting for.
    pub(crate) awaited: bool,
    /// How it came out, where that is not the run's own result.
    pub(crate) instead: Option<Outcome>,
}

impl Joined {
    fn waiting(run: Arc<Run>) -> Self {
        Self { run: Some(run), awaited: true, instead: None }
    }

    fn now(run: Option<Arc<Run>>, instead: Option<Outcome>) -> Self {
        Self { run, awaited: false, instead }
    }

    /// The run, if it is not done yet and one should wait for it.
    pub(crate) fn pending(&self) -> Option<&Arc<Run>> {
        self.run.as_ref().filter(|run| self.awaited && !run.is_done())
    }
}

impl Slot {
    pub(crate) fn new(spec: SourceSpec, progress: Arc<Notify>) -> Result<Arc<Self>, ConfigError> {
        let state = Self::idle(&spec, made(&spec)?);
        let inner = Inner { state, failures: 0, kept: None };
        let label = |collector: &&'static Collector| {
            // The label's name is valid.
            Labels::new([("collector", &collector.name as &dyn LabelValue)]).unwrap_or_default()
        };
        let labels = spec.collectors.iter().map(label).collect();
        Ok(Arc::new(Self { spec, labels, inner: Mutex::new(inner), progress }))
    }

    pub(crate) fn collectors(&self) -> &[&'static Collector] {
        &self.spec.collectors
    }

    pub(crate) fn labels(&self) -> &[Labels] {
        &self.labels
    }

    pub(crate) fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// What a scrape gets: the last data where the source keeps it, else a run under way or a new one. Blocking sources
    /// are not started here but appended to `jobs`.
    pub(crate) fn join(self: &Arc<Self>, deadline: Instant, jobs: &mut Vec<Job>) -> Joined {
        let mut inner = self.lock();
        if !self.spec.is_served_from_last() {
            return self.join_run(&mut inner, deadline, jobs);
        }
        if self.spec.background.is_some() {
            return match &inner.kept {
                Some(run) => Joined::now(Some(run.clone()), self.overdue(&inner, run)),
                None => Joined::now(None, Some(not_yet(&inner))),
            };
        }
        match inner.kept.clone().filter(|run| self.is_usable(run)) {
            Some(run) if self.kept_parts(&run).iter().all(|kept| *kept) => Joined::now(Some(run), None),
            Some(run) => {
                let instead = self.join_run(&mut inner, deadline, jobs).instead;
                Joined::now(Some(run), instead)
            }
            None => self.join_run(&mut inner, deadline, jobs),
        }
    }

    /// Joins the run under way or starts one.
    pub(crate) fn join_now(self: &Arc<Self>, deadline: Instant, jobs: &mut Vec<Job>) -> Joined {
        self.join_run(&mut self.lock(), deadline, jobs)
    }

    fn join_run(self: &Arc<Self>, inner: &mut Inner, deadline: Instant, jobs: &mut Vec<Job>) -> Joined {
        let now = Instant::now();
        let budget = deadline.saturating_duration_since(now);
        self.rebuild_if_due(inner, now);
        match std::mem::replace(&mut inner.state, State::Moving) {
            State::Idle { source, sink, spare, absent_until }
                if absent_until.is_some_and(|until| now < until) =>
            {
                let joined = Joined::now(Some(spare.clone()), None);
                inner.state = State::Idle { source, sink, spare, absent_until };
                joined
            }
            State::Idle { source, sink, spare, .. } => {
                let run = fresh(spare, self.spec.collectors.len(), Scrape::until(deadline));
                let (state, job) = self.start(source, sink, &run, inner.kept.as_deref());
                inner.state = state;
                jobs.extend(job);
                Joined::waiting(run)
            }
            State::Running { run, abort, lost } => {
                let stuck = now.saturating_duration_since(run.scrape.started()) > budget;
                inner.state = State::Running { run: run.clone(), abort, lost };
                if stuck {
                    self.count_lost(inner, &run);
                    Joined::now(None, Some(Outcome::Timeout))
                } else {
                    run.scrape.extend(deadline);
                    Joined::waiting(run)
                }
            }
            State::Broken { retry_at, why } => {
                let told = format!("{why}; rebuilt in {} s", (retry_at - now).as_secs() + 1);
                inner.state = State::Broken { retry_at, why };
                Joined::now(None, Some(Outcome::Error(told)))
            }
            // Set and replaced under one lock, so nobody ever finds it.
            State::Moving => Joined::now(None, Some(Outcome::Timeout)),
        }
    }

    /// A waiter has left this run at its deadline.
    pub(crate) fn lost(&self, run: &Arc<Run>) {
        self.count_lost(&mut self.lock(), run);
    }

    /// Looks at what the last run that ended has left, where it is still there.
    pub(crate) fn last<T>(&self, look: impl FnOnce(&[Part]) -> T) -> Option<T> {
        let run = match &*self.lock() {
            Inner { state: State::Idle { spare, .. }, .. } if !self.spec.keeps() => Some(spare.clone()),
            inner => inner.kept.clone(),
        };
        run.map(|run| look(&run.parts()))
    }

    /// Ends an asynchronous run: nobody will ask for it any more.
    pub(crate) fn abandon(&self) {
        if let State::Running { abort: Some(abort), .. } = &self.lock().state {
            abort.abort();
        }
    }

    /// Whether all parts are young enough to be served.
    fn is_usable(&self, run: &Run) -> bool {
        let parts = run.parts();
        let mut parts = parts.iter().enumerate();
        parts.all(|(at, part)| self.spec.max_age(at).is_some_and(|age| part.is_younger(age)))
    }

    /// What is to be said of a background source instead of what its last pass said: it has not come so far again in time.
    fn overdue(&self, inner: &Inner, last: &Run) -> Option<Outcome> {
        match &inner.state {
            State::Broken { why, .. } => return Some(Outcome::Error(why.clone())),
            State::Running { run, .. } if run.scrape.remaining().is_zero() => return Some(Outcome::Timeout),
            _ => {}
        }
        let is_old = |(at, part): (usize, &Part)| {
            let old = self.spec.max_age(at).is_some_and(|age| !part.is_younger(age));
            old && part.filled.is_some() && part.outcome.as_ref().is_some_and(Outcome::success)
        };
        last.parts().iter().enumerate().any(is_old).then_some(Outcome::Timeout)
    }

    /// Which collectors are young enough not to be asked again.
    fn kept_parts(&self, run: &Run) -> Vec<bool> {
        let kept = |(part, ttl): (&Part, &Option<Duration>)| {
            ttl.is_some_and(|ttl| part.is_younger(ttl) && part.outcome.as_ref().is_some_and(Outcome::success))
        };
        run.parts().iter().zip(&self.spec.ttls).map(kept).collect()
    }

    fn start(
        self: &Arc<Self>,
        source: BoxedSource,
        mut sink: Sink,
        run: &Arc<Run>,
        earlier: Option<&Run>,
    ) -> (State, Option<Job>) {
        let kept = earlier.map(|earlier| self.kept_parts(earlier)).unwrap_or_default();
        if let Some(earlier) = earlier {
            run.keep(earlier, &kept);
        }
        sink.attach(run.clone(), kept);
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
                sink.detach(result, inner.kept.as_deref().map(|kept| (kept, &self.spec)));
                if current {
                    inner.failures = 0;
                    let absence = self.spec.absence.filter(|_| !self.spec.keeps() && run.has_no_data());
                    let absent_until = absence.map(|absence| Instant::now() + absence);
                    let spare =
                        if self.spec.keeps() { inner.kept.replace(run.clone()) } else { Some(run.clone()) };
                    let spare = spare.unwrap_or_else(|| self.empty_run());
                    inner.state = State::Idle { source, sink, spare, absent_until };
                }
            }
            Err(panic) => {
                let why = format!("panicked: {panic}");
                run.finish(&Outcome::Error(why.clone()), None);
                if current {
                    self.break_down(&mut inner, why);
                }
            }
        }
    }

    fn count_lost(&self, inner: &mut Inner, run: &Arc<Run>) {
        let State::Running { run: own, abort, lost } = &mut inner.state else { return };
        // While somebody more patient waits, nothing is lost yet: the impatient do not end a run for the others.
        if !Arc::ptr_eq(own, run) || !run.scrape.remaining().is_zero() {
            return;
        }
        *lost += 1;
        // A thread that hangs in a system call cannot be ended; only its scrapes are spared the wait.
        if *lost >= LOST_BEFORE_REBUILD
            && let Some(abort) = abort.take()
        {
            abort.abort();
            run.finish(&Outcome::Timeout, None);
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
        match made(&self.spec) {
            Ok(source) => inner.state = Self::idle(&self.spec, source),
            Err(error) => self.break_down(inner, error.to_string()),
        }
    }

    fn idle(spec: &SourceSpec, source: BoxedSource) -> State {
        let spare = Arc::new(Run::new(spec.collectors.len(), Scrape::new(Duration::ZERO)));
        State::Idle { source, sink: Sink::new(spec.collectors.clone()), spare, absent_until: None }
    }

    fn empty_run(&self) -> Arc<Run> {
        Arc::new(Run::new(self.spec.collectors.len(), Scrape::new(Duration::ZERO)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new source. Its constructor may panic, too; it is called where scrapes are answered.
fn made(spec: &SourceSpec) -> Result<BoxedSource, ConfigError> {
    super::caught(|| (spec.make)())
        .unwrap_or_else(|panic| Err(ConfigError::new(format!("panicked while it was made: {panic}"))))
}

/// The spare run made new, if nobody reads it any more.
fn fresh(mut spare: Arc<Run>, collectors: usize, scrape: Scrape) -> Arc<Run> {
    match Arc::get_mut(&mut spare) {
        Some(run) => {
            run.restart(scrape);
            spare
        }
        None => Arc::new(Run::new(collectors, scrape)),
    }
}

fn back_off(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(MAX_BACK_OFF)
}

/// What is said of a background source that has nothing to serve.
fn not_yet(inner: &Inner) -> Outcome {
    match &inner.state {
        State::Broken { why, .. } => Outcome::Error(why.clone()),
        State::Running { run, .. } if run.scrape.remaining().is_zero() => Outcome::Timeout,
        _ => Outcome::NoData("the first pass is not finished".to_owned()),
    }
}

//! What a source is told about the scrape it works for.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// One run's clock and deadline. Nothing about time is global.
#[derive(Debug)]
pub struct Scrape {
    started: Instant,
    now: SystemTime,
    /// Nanoseconds after `started`; only grows, when a more patient scrape joins the run.
    budget: AtomicU64,
}

impl Scrape {
    /// A scrape that starts now.
    pub fn new(budget: Duration) -> Self {
        Self { started: Instant::now(), now: SystemTime::now(), budget: AtomicU64::new(nanos(budget)) }
    }

    /// A scrape that starts now and ends at `deadline`, to the nanosecond: who leaves then must not find time left.
    pub(crate) fn until(deadline: Instant) -> Self {
        let scrape = Self::new(Duration::ZERO);
        scrape.extend(deadline);
        scrape
    }

    /// When the run began, by the wall clock.
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// When the run began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When the last of those who wait for this run will leave. Ask again after each step: it may have moved.
    pub fn deadline(&self) -> Instant {
        self.started + Duration::from_nanos(self.budget.load(Ordering::Relaxed))
    }

    /// What is left until the deadline; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// Runs `future` until the deadline, wherever that moves meanwhile; `None` when it passed first.
    pub async fn within<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        loop {
            let deadline = self.deadline();
            if let Ok(done) = tokio::time::timeout_at(deadline.into(), future.as_mut()).await {
                return Some(done);
            }
            if self.deadline() <= deadline {
                return None;
            }
        }
    }

    pub(crate) fn extend(&self, deadline: Instant) {
        let budget = nanos(deadline.saturating_duration_since(self.started));
        self.budget.fetch_max(budget, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! One target: its passes, one at a time, and what the last good one has found.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

use super::incremental::Known;
use super::newest::Oldest;
use super::snapshot::{Passed, Snapshot};
use super::{full, incremental, newest};
use crate::client::Endpoint;
use crate::client::failure::Failure;
use crate::clock;
use crate::config::Watching;
use crate::config::file::Mode;
use crate::list::walk::Allowance;
use crate::list::{levels, multipart};

/// Error codes with series of their own.
const MAX_CODES: usize = 20;

#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) watching: Watching,
    /// Only common prefixes are counted then.
    pub(crate) delimiter: String,
    inner: Mutex<Inner>,
    /// What only passes need.
    memory: tokio::sync::Mutex<Memory>,
    done: Notify,
}

#[derive(Debug, Default)]
struct Memory {
    known: Known,
    oldest: Oldest,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    running: bool,
    pub(crate) passed: Option<Arc<Passed>>,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// How the last pass ended, and when.
    pub(crate) last: Option<(bool, Instant)>,
    pub(crate) errors: BTreeMap<String, u64>,
    /// Passes left out since the day's requests were used up.
    pub(crate) left_out: u64,
}

impl Watcher {
    pub(crate) fn new(endpoint: Arc<Endpoint>, watching: Watching, delimiter: String) -> Self {
        let (inner, memory, done) = Default::default();
        Self { endpoint, watching, delimiter, inner, memory, done }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an earlier process has found.
    pub(crate) fn restore(&self, passed: Passed) {
        let mut inner = self.lock();
        inner.snapshot = Some(Arc::new(Snapshot::new(&passed, &self.watching)));
        inner.passed = Some(Arc::new(passed));
    }

    /// Starts a pass unless one is running.
    pub(crate) fn start(self: &Arc<Self>, on: &tokio::runtime::Handle) {
        let mut inner = self.lock();
        if inner.running {
            return;
        }
        inner.running = true;
        drop(inner);
        let own = self.clone();
        on.spawn(async move {
            let begin = Instant::now();
            let pass = tokio::spawn({
                let own = own.clone();
                async move { own.pass().await }
            });
            // A panic costs this pass, not the ones after it.
            let result = pass
                .await
                .unwrap_or_else(|_| Err(Failure::new("panic", "a pass has panicked; please report it")));
            own.end(result, begin.elapsed());
        });
    }

    /// Waits until no pass is running.
    pub(crate) async fn finished(&self) {
        loop {
            let mut done = std::pin::pin!(self.done.notified());
            // From here on nothing is missed.
            done.as_mut().enable();
            if !self.lock().running {
                return;
            }
            done.await;
        }
    }

    /// How long ago the last good pass ended.
    pub(crate) fn age(&self) -> Option<Duration> {
        let finished = self.lock().snapshot.as_ref()?.finished;
        Some(Duration::try_from_secs_f64(clock::now() - finished).unwrap_or_default())
    }

    /// How the last pass ended.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().last.is_some_and(|(success, _)| !success)
    }

    fn end(&self, result: Result<Passed, Failure>, took: Duration) {
        let (bucket, prefix) = (&self.watching.bucket, &self.watching.prefix);
        let result = result.map(|passed| {
            let passed = Passed { finished: clock::now(), took: took.as_secs_f64(), ..passed };
            (Arc::new(Snapshot::new(&passed, &self.watching)), Arc::new(passed))
        });
        let mut inner = self.lock();
        inner.running = false;
        let was_well = inner.last.is_none_or(|(success, _)| success);
        match result {
            Ok((snapshot, passed)) => {
                if !was_well {
                    tracing::info!(bucket, prefix, "listing works again");
                }
                inner.last = Some((true, Instant::now()));
                inner.snapshot = Some(snapshot);
                inner.passed = Some(passed);
            }
            Err(failure) if failure.code == "budget" => inner.left_out += 1,
            Err(failure) => {
                if was_well {
                    tracing::warn!(bucket, prefix, %failure, "listing failed; what was found before stays");
                }
                inner.last = Some((false, Instant::now()));
                let is_known =
                    inner.errors.contains_key(failure.code.as_ref()) || inner.errors.len() < MAX_CODES;
                let code = if is_known { failure.code.as_ref() } else { "other" };
                *inner.errors.entry(code.to_owned()).or_default() += 1;
            }
        }
        drop(inner);
        self.done.notify_waiters();
    }

    async fn pass(&self) -> Result<Passed, Failure> {
        let watch = &self.watching.watch;
        let last = self.lock().passed.clone();
        // Half a pass is worth nothing: what will not fit into the day is not begun.
        let needed = last.as_ref().map_or(1, |last| last.pages);
        if self.endpoint.budget.remaining().is_some_and(|left| left < needed) {
            return Err(Failure::new("budget", "today's requests do not suffice for a pass"));
        }
        let limit = watch.timeout.0;
        match tokio::time::timeout(limit, self.list(last.as_deref())).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new("timeout", format!("not finished in {} s", limit.as_secs()))),
        }
    }

    async fn list(&self, last: Option<&Passed>) -> Result<Passed, Failure> {
        let (endpoint, watching) = (&*self.endpoint, &self.watching);
        let allowance = Allowance::new(watching.watch.max_objects);
        let mut memory = self.memory.lock().await;
        let memory = &mut *memory;
        let bucket = &watching.bucket;
        let mut passed = if !self.delimiter.is_empty() {
            let prefixes =
                levels::prefixes(endpoint, bucket, &watching.prefix, &self.delimiter, &allowance).await?;
            Passed { common_prefixes: Some(prefixes.len() as u64), ..Passed::default() }
        } else {
            match (watching.mode(), &watching.watch.pattern) {
                (Mode::Incremental, _) => {
                    incremental::pass(endpoint, watching, last, &mut memory.known, &allowance).await?
                }
                (Mode::Newest, Some(pattern)) => {
                    let (known, oldest) = (&mut memory.known, &mut memory.oldest);
                    newest::pass(endpoint, watching, pattern, known, oldest, &allowance).await?
                }
                _ => full::pass(endpoint, watching, last, &allowance).await?,
            }
        };
        if watching.watch.multipart && self.delimiter.is_empty() {
            let with_bytes = watching.watch.multipart_bytes;
            passed.uploads =
                match multipart::list(endpoint, bucket, &watching.prefix, with_bytes, &allowance).await {
                    Ok(uploads) => uploads,
                    // Many servers have no such list, many keys no right to it; the objects are known all the same.
                    Err(failure) => {
                        tracing::debug!(bucket, %failure, "no list of uploads");
                        None
                    }
                };
        }
        passed.truncated = allowance.is_used_up();
        passed.pages = allowance.pages.load(std::sync::atomic::Ordering::Relaxed);
        Ok(passed)
    }
}

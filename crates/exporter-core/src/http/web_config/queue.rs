//! Passwords are checked one after the other, on one thread that comes when there is something to do and goes a second
//! after. A task each would let threads pile up: the next begins before the one before has quite ended.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Those who may wait for their turn.
pub(super) const MAX_WAITING: usize = 32;
const MAX_WAIT: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(1);

type Job<T> = Box<dyn FnOnce() -> T + Send>;

/// Work that waits, and whether a thread is at it.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    came: Condvar,
}

struct State<T> {
    jobs: VecDeque<(Job<T>, oneshot::Sender<T>)>,
    running: bool,
}

impl<T: Send + 'static> Queue<T> {
    pub(super) fn new() -> Arc<Self> {
        let state = State { jobs: VecDeque::new(), running: false };
        Arc::new(Self { state: Mutex::new(state), came: Condvar::new() })
    }

    /// Runs `job` when it is its turn. `None` if too many wait, or the turn does not come in time.
    pub(super) async fn run(self: &Arc<Self>, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, result) = oneshot::channel();
        {
            let mut state = self.lock();
            // Those who have gone away do not count.
            state.jobs.retain(|(_, sender)| !sender.is_closed());
            if state.jobs.len() >= MAX_WAITING {
                return None;
            }
            state.jobs.push_back((Box::new(job), sender));
            if !state.running {
                state.running = true;
                let queue = self.clone();
                tokio::task::spawn_blocking(move || queue.work());
            }
        }
        self.came.notify_one();
        timeout(MAX_WAIT, result).await.ok()?.ok()
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            while let Some((job, sender)) = state.jobs.pop_front() {
                drop(state);
                if !sender.is_closed() {
                    let _ = sender.send(job());
                }
                state = self.lock();
            }
            let wait = self.came.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = wait.0;
            if state.jobs.is_empty() && wait.1.timed_out() {
                state.running = false;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_no_more_than_may_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let queue = Queue::new();
            let (open, gate) = std::sync::mpsc::channel::<()>();
            let first = {
                let queue = queue.clone();
                tokio::spawn(async move { queue.run(move || gate.recv().is_ok()).await })
            };
            while !queue.lock().running || !queue.lock().jobs.is_empty() {
                tokio::task::yield_now().await;
            }
            let waiting: Vec<_> = (0..MAX_WAITING)
                .map(|_| {
                    let queue = queue.clone();
                    tokio::spawn(async move { queue.run(|| true).await })
                })
                .collect();
            tokio::task::yield_now().await;
            assert_eq!(queue.run(|| true).await, None);
            // One who goes away makes room.
            waiting[0].abort();
            tokio::task::yield_now().await;
            let last = queue.run(|| true);
            open.send(()).unwrap();
            assert_eq!(last.await, Some(true));
            assert_eq!(first.await.unwrap(), Some(true));
            for task in waiting.into_iter().skip(1) {
                assert_eq!(task.await.unwrap(), Some(true));
            }
        });
    }
}

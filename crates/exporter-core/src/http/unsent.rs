//! Answers that clients have not read yet, in bytes, and a bound for them. Many who ask and do not read would else hold
//! a page each.

use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

use super::connections::Connections;

/// Beyond this, one more page waits until there is room. A single page may be larger.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Who has not read for so long makes room for others.
const STALLED: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// All of them together.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    bytes: AtomicUsize,
    freed: Notify,
    /// Who waits for room, in the order of their coming.
    waiting: Mutex<BTreeSet<u64>>,
}

impl Unsent {
    /// Counts a body until nothing refers to it any more.
    pub(crate) fn counted(self: &Arc<Self>, body: Bytes) -> Bytes {
        self.bytes.fetch_add(body.len(), Ordering::Relaxed);
        Bytes::from_owner(Counted { body, unsent: self.clone() })
    }

    /// Waits for room, at the cost of those who do not read. False when the deadline came first.
    ///
    /// The last to come is the first to get in: a queue of clients who will not read either keeps nobody waiting.
    pub(crate) async fn room(&self, connections: &Connections, deadline: Instant) -> bool {
        if self.bytes.load(Ordering::Relaxed) <= MAX_BYTES && self.waiting().is_empty() {
            return true;
        }
        let ticket = Ticket::new(self);
        while self.bytes.load(Ordering::Relaxed) > MAX_BYTES || !ticket.is_last() {
            if Instant::now() >= deadline {
                return false;
            }
            connections.evict_stalled(STALLED);
            // A connection that was ended lets go when its task is next looked at.
            let _ = tokio::time::timeout(TICK, self.freed.notified()).await;
        }
        true
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait.
struct Ticket<'a> {
    unsent: &'a Unsent,
    number: u64,
}

impl<'a> Ticket<'a> {
    fn new(unsent: &'a Unsent) -> Self {
        let mut waiting = unsent.waiting();
        let number = waiting.last().map_or(0, |last| last + 1);
        waiting.insert(number);
        Self { unsent, number }
    }

    fn is_last(&self) -> bool {
        self.unsent.waiting().last() == Some(&self.number)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.unsent.waiting().remove(&self.number);
        self.unsent.freed.notify_waiters();
    }
}

struct Counted {
    body: Bytes,
    unsent: Arc<Unsent>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.unsent.bytes.fetch_sub(self.body.len(), Ordering::Relaxed);
        self.unsent.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_count_while_anybody_has_them() {
        let unsent = Arc::new(Unsent::default());
        let body = unsent.counted(Bytes::from_static(b"page"));
        let again = body.clone();
        assert_eq!(&body[..], b"page");
        drop(body);
        assert_eq!(unsent.bytes.load(Ordering::Relaxed), 4);
        drop(again);
        assert_eq!(unsent.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_last_to_come_gets_the_room_first() {
        let unsent = Unsent::default();
        let first = Ticket::new(&unsent);
        let second = Ticket::new(&unsent);
        assert!(!first.is_last() && second.is_last());
        drop(second);
        assert!(first.is_last());
    }
}

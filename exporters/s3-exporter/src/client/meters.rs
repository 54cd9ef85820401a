//! What all requests to an endpoint came to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::failure::Failure;
use super::operation::Operation;

/// Upper bounds of the histogram, in seconds.
pub(crate) const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Buckets with series of their own; those beyond count as `other`. Strangers can name some by `/probe`.
const MAX_BUCKETS: usize = 1000;
/// Error codes with series of their own, an operation and bucket; those beyond count as `other`.
const MAX_CODES: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) retries: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    buckets: [u64; BOUNDS.len()],
    pub(crate) seconds: f64,
}

impl Meter {
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().zip(self.buckets)
    }

    fn count(&mut self, took: Duration, failure: Option<&Failure>) {
        let seconds = took.as_secs_f64();
        self.seconds += seconds;
        for (bound, count) in BOUNDS.iter().zip(&mut self.buckets) {
            *count += u64::from(seconds <= *bound);
        }
        let Some(failure) = failure else {
            self.succeeded += 1;
            return;
        };
        self.failed += 1;
        let is_known = self.errors.contains_key(failure.code.as_ref()) || self.errors.len() < MAX_CODES;
        let code = if is_known { failure.code.as_ref() } else { "other" };
        *self.errors.entry(code.to_owned()).or_default() += 1;
    }
}

#[derive(Debug, Default)]
pub(crate) struct Meters {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) by_bucket: BTreeMap<String, BTreeMap<Operation, Meter>>,
    /// Requests sent, retries included, by what they are billed as.
    pub(crate) requests: BTreeMap<&'static str, u64>,
}

impl Meters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sent(&self, class: &'static str) {
        *self.lock().requests.entry(class).or_default() += 1;
    }

    pub(crate) fn retried(&self, operation: Operation, bucket: &str) {
        self.lock().meter(operation, bucket).retries += 1;
    }

    pub(crate) fn done(&self, operation: Operation, bucket: &str, took: Duration, failure: Option<&Failure>) {
        self.lock().meter(operation, bucket).count(took, failure);
    }
}

impl Inner {
    fn meter(&mut self, operation: Operation, bucket: &str) -> &mut Meter {
        let is_known = self.by_bucket.contains_key(bucket) || self.by_bucket.len() < MAX_BUCKETS;
        let bucket = if is_known { bucket } else { "other" };
        self.by_bucket.entry(bucket.to_owned()).or_default().entry(operation).or_default()
    }
}

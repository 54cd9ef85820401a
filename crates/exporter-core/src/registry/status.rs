//! What each collector did last: for the landing page, and for a log line when it changes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::source::Outcome;

/// A collector's last result.
#[derive(Clone, Debug)]
pub struct CollectorStatus {
    /// How it came out.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
    /// Samples it put.
    pub samples: usize,
    /// When.
    pub at: SystemTime,
}

#[derive(Debug, Default)]
pub(crate) struct Statuses {
    last: BTreeMap<&'static str, CollectorStatus>,
}

impl Statuses {
    /// Keeps the result, and logs it if it is news. A collector that fails at every scrape logs once.
    pub(crate) fn record(&mut self, namespace: &str, collector: &'static str, status: CollectorStatus) {
        let before = self.last.get(collector).map(|status| status.outcome.as_str());
        if before != Some(status.outcome.as_str()) {
            match &status.outcome {
                Outcome::Ok if before.is_some() => {
                    tracing::info!(namespace, collector, "collector recovered")
                }
                Outcome::Ok => {}
                Outcome::NoData(why) => tracing::debug!(namespace, collector, why, "collector has no data"),
                Outcome::Error(error) => tracing::warn!(namespace, collector, error, "collector failed"),
                Outcome::Timeout => {
                    tracing::warn!(namespace, collector, "collector not ready by the deadline")
                }
            }
        }
        self.last.insert(collector, status);
    }

    pub(crate) fn get(&self, collector: &str) -> Option<CollectorStatus> {
        self.last.get(collector).cloned()
    }
}

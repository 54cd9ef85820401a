//! What each collector did last: for the landing page, and for a log line when it changes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::catalogue::{DURATION, LAST_SUCCESS, STATE, SUCCESS};
use crate::source::Outcome;

/// Names of the families about collectors.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) duration: String,
    pub(crate) success: String,
    pub(crate) state: String,
    pub(crate) last_success: String,
}

impl Names {
    pub(crate) fn new(namespace: &str) -> Self {
        let [duration, success, state, last_success] =
            [DURATION, SUCCESS, STATE, LAST_SUCCESS].map(|(suffix, _)| format!("{namespace}{suffix}"));
        Self { duration, success, state, last_success }
    }
}

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

/// Lines about one collector are this far apart at least: clients with tiny timeouts make it fail as often as they like.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Statuses {
    instance: String,
    is_quiet: bool,
    last: BTreeMap<&'static str, CollectorStatus>,
    /// What the log said last, and when.
    logged: BTreeMap<&'static str, (&'static str, SystemTime)>,
}

impl Statuses {
    /// Of an instance with this name.
    pub(crate) fn of(instance: &str) -> Self {
        Self { instance: instance.to_owned(), ..Self::default() }
    }

    /// Logs nothing: clients name as many targets as they like.
    pub(crate) fn quiet() -> Self {
        Self { is_quiet: true, ..Self::default() }
    }

    /// Keeps the result, and logs it if it is news. A collector that fails at every scrape logs once.
    pub(crate) fn record(&mut self, namespace: &str, collector: &'static str, status: CollectorStatus) {
        if !self.is_quiet
            && let Some(first) = self.is_news(collector, &status)
        {
            let instance = self.instance.as_str();
            match &status.outcome {
                Outcome::Ok if !first => {
                    tracing::info!(namespace, instance, collector, "collector recovered")
                }
                Outcome::Ok => {}
                Outcome::NoData(why) => {
                    tracing::debug!(namespace, instance, collector, why, "collector has no data")
                }
                Outcome::Error(error) => {
                    tracing::warn!(namespace, instance, collector, error, "collector failed")
                }
                Outcome::Timeout => {
                    tracing::warn!(namespace, instance, collector, "collector not ready by the deadline")
                }
            }
        }
        self.last.insert(collector, status);
    }

    /// Whether the log does not say so yet and may; the value tells the first result from later ones.
    fn is_news(&mut self, collector: &'static str, status: &CollectorStatus) -> Option<bool> {
        let outcome = status.outcome.as_str();
        let before = self.logged.get(collector).copied();
        let is_news = before.is_none_or(|(logged, at)| {
            logged != outcome && status.at.duration_since(at).is_ok_and(|since| since >= QUIET)
        });
        is_news.then(|| {
            let first = before.is_none();
            // That all is well from the start is no line, so nothing has to be quiet after it.
            let at =
                if first && outcome == Outcome::Ok.as_str() { SystemTime::UNIX_EPOCH } else { status.at };
            self.logged.insert(collector, (outcome, at));
            first
        })
    }

    pub(crate) fn get(&self, collector: &str) -> Option<CollectorStatus> {
        self.last.get(collector).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_comes_and_goes_does_not_fill_the_log() {
        let mut statuses = Statuses::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut news = 0;
        for tenth in 0..1200 {
            let outcome = if tenth % 2 == 0 { Outcome::Timeout } else { Outcome::Ok };
            let at = start + Duration::from_millis(100 * tenth);
            let status = CollectorStatus { outcome, duration: Duration::ZERO, samples: 0, at };
            news += usize::from(statuses.is_news("cpu", &status).is_some());
        }
        assert!((2..=12).contains(&news), "{news} lines in two minutes");
    }

    #[test]
    fn what_lasts_is_told_once_and_what_passes_is_not() {
        let mut statuses = Statuses::default();
        let mut told = Vec::new();
        for second in 0..60 {
            let outcome = if second == 5 { Outcome::Ok } else { Outcome::Timeout };
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 + second);
            let status = CollectorStatus { outcome, duration: Duration::ZERO, samples: 0, at };
            if statuses.is_news("cpu", &status).is_some() {
                told.push(second);
            }
        }
        assert_eq!(told, [0]);
    }
}

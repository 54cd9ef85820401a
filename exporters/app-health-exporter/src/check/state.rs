//! What a check has found: counters for ever, the last report until the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::report::Report;
use crate::net::Reason;

/// Upper bounds of the histogram, in seconds.
pub(super) const BOUNDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why a check did not count as a success, beyond what can go wrong on the way.
pub(super) const UNHEALTHY: &str = "unhealthy";

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) runs: u64,
    pub(super) succeeded: u64,
    pub(super) failed: BTreeMap<&'static str, u64>,
    buckets: [u64; BOUNDS.len()],
    pub(super) seconds: f64,
    /// connect, processing, resolve, tls, transfer.
    pub(super) phases: [f64; 5],
    pub(super) unknown: u64,
    pub(super) dropped: u64,
    pub(super) up: bool,
    pub(super) last_success: f64,
    pub(super) certificate_end: Option<i64>,
    /// Gone with the first run that gets no body: nothing looks healthy because nobody answers.
    pub(super) report: Option<Report>,
}

pub(super) const PHASES: [&str; 5] = ["connect", "processing", "resolve", "tls", "transfer"];

impl State {
    pub(super) fn count(
        &mut self,
        took: Duration,
        failure: Option<Reason>,
        report: Option<Report>,
        now: f64,
    ) {
        self.runs += 1;
        self.up = failure.is_none();
        let unhealthy = report.as_ref().is_some_and(|report| report.is_down);
        match (failure, unhealthy) {
            (Some(reason), _) => *self.failed.entry(reason.as_str()).or_default() += 1,
            (None, true) => *self.failed.entry(UNHEALTHY).or_default() += 1,
            (None, false) => {
                self.succeeded += 1;
                self.last_success = now;
            }
        }
        let seconds = took.as_secs_f64();
        self.seconds += seconds;
        for (bound, count) in BOUNDS.iter().zip(&mut self.buckets) {
            *count += u64::from(seconds <= *bound);
        }
        if let Some(report) = &report {
            self.unknown += report.unknown;
            self.dropped += report.dropped;
        }
        self.report = report;
    }

    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().zip(self.buckets)
    }
}

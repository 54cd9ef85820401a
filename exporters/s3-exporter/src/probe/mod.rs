//! Probes of a bucket: whether it answers, and whether what is written can be read again.

pub(crate) mod access;
pub(crate) mod replica;
pub(crate) mod roundtrip;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client::Endpoint;
use crate::client::failure::Failure;
use crate::clock;
use crate::config::file::{AccessMode, Probe};

/// Everything that is written lies below this; nothing else is ever touched.
pub(crate) const PREFIX: &str = ".s3-exporter-probe/";

/// A result of one check.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Check {
    pub(crate) success: bool,
    pub(crate) last_success: Option<f64>,
    pub(crate) took: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) checks: BTreeMap<&'static str, Check>,
    /// Why checks have failed, by their name.
    pub(crate) failures: BTreeMap<(&'static str, String), u64>,
    /// Bytes a second by direction, of large objects only.
    pub(crate) throughput: BTreeMap<&'static str, f64>,
    pub(crate) bytes: BTreeMap<&'static str, u64>,
    pub(crate) damaged: u64,
    pub(crate) lag: Option<f64>,
    /// What works where HeadBucket is refused.
    fallback: Option<AccessMode>,
}

/// One bucket that is probed.
#[derive(Debug)]
pub(crate) struct Prober {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) bucket: String,
    pub(crate) probe: Probe,
    /// Where copies of it should arrive.
    pub(crate) replica: Option<Arc<Endpoint>>,
    /// Tells exporters apart that probe one bucket.
    instance: String,
    results: Mutex<Results>,
}

/// Error codes with series of their own, a bucket.
const MAX_CODES: usize = 30;

impl Prober {
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        probe: &Probe,
        replica: Option<Arc<Endpoint>>,
        instance: String,
    ) -> Self {
        let (bucket, probe) = (probe.bucket.clone(), probe.clone());
        Self { endpoint, bucket, probe, replica, instance, results: Mutex::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object of a check: always the same one, so that a crash leaves one object, not many.
    fn key(&self, check: &str) -> String {
        format!("{PREFIX}{}/{check}", self.instance)
    }

    fn done(&self, name: &'static str, begin: Instant, result: Result<(), Failure>) {
        let mut results = self.lock();
        let results = &mut *results;
        let check = results.checks.entry(name).or_insert(Check { success: true, ..Check::default() });
        let was_well = check.success;
        check.success = result.is_ok();
        check.took = begin.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                check.last_success = Some(clock::now());
                if !was_well {
                    tracing::info!(bucket = self.bucket, check = name, "probe is well again");
                }
            }
            Err(failure) => {
                if was_well {
                    tracing::warn!(bucket = self.bucket, check = name, %failure, "probe fails");
                }
                let mut key = (name, failure.code.into_owned());
                if !results.failures.contains_key(&key) && results.failures.len() >= MAX_CODES {
                    key.1 = "other".to_owned();
                }
                *results.failures.entry(key).or_default() += 1;
            }
        }
    }

    /// Runs all checks at their intervals, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let roundtrip = |config: &crate::config::file::RoundTrip, interval: u64, size: u64| {
            let interval = config.interval.map_or(Duration::from_secs(interval), |span| span.0);
            (interval, config.size.map_or(size, |size| size.0))
        };
        let access = async {
            let Some(access) = &self.probe.access else { return };
            let mut ticks = ticks(access.interval.0);
            loop {
                ticks.tick().await;
                self.access(access).await;
            }
        };
        let small = async {
            let Some(config) = &self.probe.roundtrip else { return };
            let (interval, size) = roundtrip(config, 60, 64 * 1024);
            let mut ticks = ticks(interval);
            loop {
                ticks.tick().await;
                self.round_trip("roundtrip", size).await;
            }
        };
        let large = async {
            let Some(config) = &self.probe.throughput else { return };
            let (interval, size) = roundtrip(config, 900, 8 * 1024 * 1024);
            let mut ticks = ticks(interval);
            loop {
                ticks.tick().await;
                self.round_trip("throughput", size).await;
            }
        };
        let replica = async {
            let (Some(config), Some(endpoint)) = (&self.probe.replica, &self.replica) else { return };
            let mut ticks = ticks(config.interval.0);
            loop {
                ticks.tick().await;
                self.replicate(config, endpoint).await;
            }
        };
        tokio::join!(access, small, large, replica);
    }
}

fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(50)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

//! Heartbeats of cron jobs and backups: what was told last, kept across restarts.

use exporter_core::{BlockingSource, CollectError, Collector, ConfigError, Family, Scrape, Secret, Sink};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::beats::{self, Beat, Beats};
use crate::clock;
use crate::config::checks::{Heartbeat, HeartbeatServer, System};

pub(super) static HEARTBEATS: Collector = Collector {
    name: "heartbeats",
    enabled: true,
    families: &[
        LAST.desc(),
        AWAITED.desc(),
        CODE.desc(),
        DURATION.desc(),
        INTERVAL.desc(),
        STATE_ERROR.desc(),
    ],
    dynamic: &[],
};

// The label is not `job`: that one is the scrape's.
static LAST: Family<2> = Family::gauge(
    "app_heartbeat_last_timestamp_seconds",
    "When a task last told that it ran, in seconds since 1970; 0 for never.",
    &["system", "task"],
);
static AWAITED: Family<2> = Family::gauge(
    "app_heartbeat_awaited_since_timestamp_seconds",
    "Since when a task's next report is waited for: its last one, or when it was first known of.",
    &["system", "task"],
);
static CODE: Family<2> =
    Family::gauge("app_heartbeat_last_exit_code", "Exit code that a task told last.", &["system", "task"]);
static DURATION: Family<2> = Family::gauge(
    "app_heartbeat_last_duration_seconds",
    "How long a task's last run took, by its own word.",
    &["system", "task"],
);
static INTERVAL: Family<2> = Family::gauge(
    "app_heartbeat_interval_seconds",
    "How often a task should run, by the configuration.",
    &["system", "task"],
);
static STATE_ERROR: Family<0> = Family::gauge(
    "app_heartbeat_state_error",
    "1 while the file that keeps heartbeats across restarts cannot be read or written.",
    &[],
);

#[derive(Debug)]
pub(super) struct Heartbeats {
    tasks: BTreeMap<String, (String, Heartbeat)>,
    path: Option<PathBuf>,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    /// The log says that the file cannot be read.
    told: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    beats: Beats,
    loaded: bool,
    broken: bool,
}

/// Why a heartbeat is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    UnknownTask,
    BadToken,
    BadNumber,
}

impl Heartbeats {
    pub(super) fn new(systems: &[System], server: Option<&HeartbeatServer>) -> Result<Self, ConfigError> {
        let all = systems.iter().flat_map(|system| {
            system.heartbeats.iter().map(|beat| (beat.task.clone(), (system.system.clone(), beat.clone())))
        });
        let path = server.and_then(|server| server.state.clone());
        let (token, token_file) =
            server.map_or((None, None), |server| (server.token.clone(), server.token_file.clone()));
        if let Some(server) = server {
            let local = server.listen.starts_with("127.") || server.listen.starts_with("[::1]");
            if !local && token.is_none() && token_file.is_none() {
                return Err(ConfigError::new(
                    "heartbeat: give a token or token_file, or let it listen on 127.0.0.1",
                ));
            }
        }
        // It is read again for each report; one that is not there shall be known before the first.
        token_file.as_ref().map(Secret::from_file).transpose()?;
        let (told, inner) = Default::default();
        Ok(Self { tasks: all.collect(), path, token, token_file, told, inner })
    }

    /// What is known, from the file at first: a configuration that is only checked touches none.
    fn inner(&self, now: f64) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.loaded {
            return inner;
        }
        inner.loaded = true;
        if let Some(path) = &self.path {
            (inner.beats, inner.broken) = beats::load(path);
        }
        // What never reported is waited for since it is known, not since 1970.
        let known = inner.beats.clone();
        inner.beats.retain(|task, beat| beat.at > 0.0 || self.tasks.contains_key(task));
        for task in self.tasks.keys() {
            inner.beats.entry(task.clone()).or_insert(Beat { since: now, ..Beat::default() });
        }
        if let Some(path) = self.path.as_ref().filter(|_| inner.beats != known) {
            inner.broken |= beats::save(path, &inner.beats);
        }
        inner
    }

    /// Whether one must show a token to report.
    pub(super) fn needs_token(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    /// Takes a heartbeat and keeps it. Blocks: it writes a file.
    pub(super) fn receive(
        &self,
        task: &str,
        query: &[(String, String)],
        token: Option<&str>,
        now: f64,
    ) -> Result<(), Refusal> {
        // The token first: who has none learns nothing about which tasks there are.
        if !self.is_allowed(token) {
            return Err(Refusal::BadToken);
        }
        if !self.tasks.contains_key(task) {
            return Err(Refusal::UnknownTask);
        }
        let number = |name: &str| {
            let given = query.iter().find(|(own, _)| own == name).map(|(_, value)| value.parse::<f64>());
            match given {
                Some(Ok(number)) if number.is_finite() => Ok(Some(number)),
                Some(_) => Err(Refusal::BadNumber),
                None => Ok(None),
            }
        };
        let (code, duration) = (number("code")?, number("duration")?);
        let mut inner = self.inner(now);
        let beat = inner.beats.entry(task.to_owned()).or_default();
        *beat = Beat { at: now, code, duration, ..*beat };
        if let Some(path) = &self.path {
            inner.broken = beats::save(path, &inner.beats);
        }
        Ok(())
    }

    fn is_allowed(&self, given: Option<&str>) -> bool {
        let expected = match (&self.token_file, &self.token) {
            (Some(path), _) => match Secret::from_file(path) {
                Ok(token) => {
                    self.told.store(false, Ordering::Relaxed);
                    token
                }
                Err(error) => {
                    // Once, however many ask meanwhile.
                    if !self.told.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "no heartbeat is taken");
                    }
                    return false;
                }
            },
            (None, Some(token)) => token.clone(),
            (None, None) => return true,
        };
        // Digests are compared, so that the time taken says nothing about the token.
        let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let equal = |a: &[u8], b: &[u8]| a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
        !expected.is_empty()
            && given.is_some_and(|given| equal(digest(given).as_ref(), digest(expected.expose()).as_ref()))
    }
}

pub(super) struct Shown(pub(super) Arc<Heartbeats>);

impl BlockingSource for Shown {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let inner = self.0.inner(clock::seconds(scrape.now()));
        for (task, (system, config)) in &self.0.tasks {
            let mut beat = inner.beats.get(task).copied().unwrap_or_default();
            let modified =
                config.file.as_ref().and_then(|path| std::fs::metadata(path).ok()?.modified().ok());
            if let Some(modified) = modified {
                beat.at = beat.at.max(clock::seconds(modified));
            }
            sink.put(&LAST, [system, task], beat.at);
            sink.put(&AWAITED, [system, task], if beat.at > 0.0 { beat.at } else { beat.since });
            sink.put(&INTERVAL, [system, task], config.interval.0.as_secs_f64());
            if let Some(code) = beat.code {
                sink.put(&CODE, [system, task], code);
            }
            if let Some(duration) = beat.duration {
                sink.put(&DURATION, [system, task], duration);
            }
        }
        sink.put(&STATE_ERROR, [], inner.broken);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::checks::Checks;
    use std::path::Path;

    fn heartbeats(state: &Path, token: &str) -> Heartbeats {
        let text = format!(
            "{{systems: [{{heartbeats: [{{task: nightly, interval: 24h}}]}}], heartbeat: {{listen: '127.0.0.1:0', state: '{}', token: {token}}}}}",
            state.display()
        );
        let checks = Checks::parse(&text).unwrap();
        Heartbeats::new(&checks.systems, checks.heartbeat.as_ref()).unwrap()
    }

    fn nightly(all: &Heartbeats, now: f64) -> Beat {
        all.inner(now).beats["nightly"]
    }

    #[test]
    fn survives_a_restart_and_a_corrupt_file() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path = dir.path().join("state.json");
        let query = [("code".to_owned(), "3".to_owned()), ("duration".to_owned(), "1.5".to_owned())];
        heartbeats(&path, "t").receive("nightly", &query, Some("t"), 100.0).unwrap();
        let again = heartbeats(&path, "t");
        let told = Beat { at: 100.0, code: Some(3.0), duration: Some(1.5), since: 100.0 };
        assert_eq!(nightly(&again, 150.0), told);
        std::fs::write(&path, b"{\"nightly\": {\"at\"").unwrap();
        let again = heartbeats(&path, "t");
        assert!(!path.with_extension("corrupt").exists(), "touched before it is used");
        assert_eq!(nightly(&again, 160.0), Beat { since: 160.0, ..Beat::default() });
        assert!(again.inner(160.0).broken && path.with_extension("corrupt").exists());
        again.receive("nightly", &[], Some("t"), 200.0).unwrap();
        assert!(!again.inner(200.0).broken);
        assert_eq!(nightly(&heartbeats(&path, "t"), 300.0).at, 200.0);
    }

    #[test]
    fn the_first_report_is_waited_for_across_restarts_from_when_the_task_was_known() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path =
            dir.write("state.json", r#"{"gone": {"at": 0.0, "since": 5.0}, "old": {"at": 9.0}}"#).unwrap();
        assert_eq!(nightly(&heartbeats(&path, "t"), 100.0).since, 100.0);
        let again = heartbeats(&path, "t");
        assert_eq!(nightly(&again, 200.0).since, 100.0);
        let inner = again.inner(200.0);
        assert_eq!(inner.beats["old"], Beat { at: 9.0, ..Beat::default() }, "an older version's file");
        assert!(!inner.beats.contains_key("gone"), "a task that comes back is new");
    }

    #[test]
    fn a_token_that_is_not_there_is_told_at_once() {
        let text = "{systems: [{heartbeats: [{task: a, interval: 1h}]}], heartbeat: {token_file: /nope}}";
        let checks = Checks::parse(text).unwrap();
        let error = Heartbeats::new(&checks.systems, checks.heartbeat.as_ref()).unwrap_err();
        assert!(error.to_string().contains("/nope"), "{error}");
    }

    #[test]
    fn a_token_that_goes_is_told_once_and_when_it_goes_again() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path = dir.write("token", "t\n").unwrap();
        let text = format!(
            "{{systems: [{{heartbeats: [{{task: nightly, interval: 1h}}]}}], heartbeat: {{token_file: '{}'}}}}",
            path.display()
        );
        let checks = Checks::parse(&text).unwrap();
        let all = Heartbeats::new(&checks.systems, checks.heartbeat.as_ref()).unwrap();
        let lines = Lines::default();
        let _listening = tracing::subscriber::set_default(lines.clone());
        for expected in 1..=2 {
            std::fs::remove_file(&path).unwrap();
            for _ in 0..3 {
                assert_eq!(all.receive("nightly", &[], Some("t"), 1.0), Err(Refusal::BadToken));
            }
            assert_eq!(lines.0.load(Ordering::Relaxed), expected);
            dir.write("token", "t\n").unwrap();
            assert_eq!(all.receive("nightly", &[], Some("t"), 1.0), Ok(()));
        }
    }

    /// Counts what is logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::atomic::AtomicUsize>);

    impl tracing::Subscriber for Lines {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn refuses() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let all = heartbeats(&dir.path().join("s"), "hunter2");
        assert_eq!(all.receive("nightly", &[], None, 1.0), Err(Refusal::BadToken));
        assert_eq!(all.receive("nightly", &[], Some("hunter"), 1.0), Err(Refusal::BadToken));
        assert_eq!(all.receive("nope", &[], Some("hunter2"), 1.0), Err(Refusal::UnknownTask));
        let bad = [("code".to_owned(), "x".to_owned())];
        assert_eq!(all.receive("nightly", &bad, Some("hunter2"), 1.0), Err(Refusal::BadNumber));
        assert!(!format!("{all:?}").contains("hunter2"));
    }

    #[test]
    fn the_whole_world_needs_a_token() {
        let text = "{systems: [{heartbeats: [{task: a, interval: 1h}]}], heartbeat: {listen: '0.0.0.0:1'}}";
        let checks = Checks::parse(text).unwrap();
        let error = Heartbeats::new(&checks.systems, checks.heartbeat.as_ref()).unwrap_err();
        assert!(error.to_string().contains("token"), "{error}");
    }
}

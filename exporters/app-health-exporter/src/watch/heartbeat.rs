//! Heartbeats of cron jobs and backups: what was told last, kept across restarts.

use exporter_core::{BlockingSource, CollectError, Collector, ConfigError, Family, Scrape, Secret, Sink};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock;
use crate::config::checks::{Heartbeat, HeartbeatServer, System};

pub(super) static HEARTBEATS: Collector = Collector {
    name: "heartbeats",
    enabled: true,
    families: &[LAST.desc(), CODE.desc(), DURATION.desc(), INTERVAL.desc(), STATE_ERROR.desc()],
    dynamic: &[],
};

// The label is not `job`: that one is the scrape's.
static LAST: Family<2> = Family::gauge(
    "app_heartbeat_last_timestamp_seconds",
    "When a task last told that it ran, in seconds since 1970; 0 for never.",
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

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Beat {
    pub(super) at: f64,
    pub(super) code: Option<f64>,
    pub(super) duration: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Heartbeats {
    tasks: BTreeMap<String, (String, Heartbeat)>,
    path: Option<PathBuf>,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    beats: BTreeMap<String, Beat>,
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
        let (beats, broken) = path.as_deref().map_or_else(Default::default, load);
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
        Ok(Self { tasks: all.collect(), path, token, token_file, inner: Mutex::new(Inner { beats, broken }) })
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
        let beat = Beat { at: now, code: number("code")?, duration: number("duration")? };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.beats.insert(task.to_owned(), beat);
        if let Some(path) = &self.path {
            inner.broken = match save(path, &inner.beats) {
                Ok(()) => false,
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "heartbeats cannot be kept");
                    true
                }
            };
        }
        Ok(())
    }

    fn is_allowed(&self, given: Option<&str>) -> bool {
        let expected = match (&self.token_file, &self.token) {
            (Some(path), _) => match Secret::from_file(path) {
                Ok(token) => token,
                Err(error) => {
                    tracing::error!(%error, "no heartbeat is taken");
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

fn load(path: &Path) -> (BTreeMap<String, Beat>, bool) {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Default::default(),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "heartbeats cannot be read");
            return (BTreeMap::new(), true);
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(beats) => (beats, false),
        Err(error) => {
            let aside = path.with_extension("corrupt");
            // Kept for whoever wants to know; without it the next heartbeat would write over it.
            let moved = std::fs::rename(path, &aside).is_ok();
            tracing::error!(path = %path.display(), %error, moved, "heartbeats are not readable; starting without");
            (BTreeMap::new(), true)
        }
    }
}

/// A half-written file never takes the place of a whole one.
fn save(path: &Path, beats: &BTreeMap<String, Beat>) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    let bytes = serde_json::to_vec(beats).map_err(std::io::Error::other)?;
    let mut file = std::fs::File::create(&temporary)?;
    std::io::Write::write_all(&mut file, &bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

pub(super) struct Shown(pub(super) Arc<Heartbeats>);

impl BlockingSource for Shown {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for (task, (system, config)) in &self.0.tasks {
            let mut beat = inner.beats.get(task).copied().unwrap_or_default();
            let modified =
                config.file.as_ref().and_then(|path| std::fs::metadata(path).ok()?.modified().ok());
            if let Some(modified) = modified {
                beat.at = beat.at.max(clock::seconds(modified));
            }
            sink.put(&LAST, [system, task], beat.at);
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

    fn heartbeats(state: &Path, token: &str) -> Heartbeats {
        let text = format!(
            "{{systems: [{{heartbeats: [{{task: nightly, interval: 24h}}]}}], heartbeat: {{listen: '127.0.0.1:0', state: '{}', token: {token}}}}}",
            state.display()
        );
        let checks = Checks::parse(&text).unwrap();
        Heartbeats::new(&checks.systems, checks.heartbeat.as_ref()).unwrap()
    }

    fn beats(all: &Heartbeats) -> BTreeMap<String, Beat> {
        all.inner.lock().unwrap().beats.clone()
    }

    #[test]
    fn survives_a_restart_and_a_corrupt_file() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path = dir.path().join("state.json");
        let query = [("code".to_owned(), "3".to_owned()), ("duration".to_owned(), "1.5".to_owned())];
        heartbeats(&path, "t").receive("nightly", &query, Some("t"), 100.0).unwrap();
        let again = heartbeats(&path, "t");
        assert_eq!(beats(&again)["nightly"], Beat { at: 100.0, code: Some(3.0), duration: Some(1.5) });
        std::fs::write(&path, b"{\"nightly\": {\"at\"").unwrap();
        let again = heartbeats(&path, "t");
        assert!(beats(&again).is_empty() && again.inner.lock().unwrap().broken);
        assert!(path.with_extension("corrupt").exists());
        again.receive("nightly", &[], Some("t"), 200.0).unwrap();
        assert!(!again.inner.lock().unwrap().broken);
        assert_eq!(beats(&heartbeats(&path, "t"))["nightly"].at, 200.0);
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

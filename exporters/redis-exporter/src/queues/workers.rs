//! Celery's workers, by the heartbeats they publish every other second: no Celery code, no broadcast that waits.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use exporter_core::{
    BoxedSource, CollectError, CollectFuture, Collector, ConfigError, Scrape, Settings, Sink, Source,
};
use futures_util::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::connect::Access;
use crate::families::families;
use crate::trouble::Trouble;

families! { DESCS:
    UP: 1 = gauge("celery_worker_up", "Whether a worker was heard of lately.", ["hostname"]);
    ACTIVE: 1 = gauge("celery_worker_tasks_active", "Tasks a worker is working on.", ["hostname"]);
    PROCESSED: 1 = counter("celery_worker_processed_tasks_total", "Tasks a worker has worked on since it started.", ["hostname"]);
    LAST: 1 = gauge("celery_worker_last_heartbeat_timestamp_seconds", "When a worker was last heard of, in seconds since 1970.", ["hostname"]);
}

pub(crate) static WORKERS: Collector =
    Collector { name: "celery_workers", enabled: true, families: DESCS, dynamic: &[] };

/// Workers remembered at most; names come from messages.
const MOST: usize = 1000;
/// A worker that has been silent for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);
/// Between attempts to subscribe.
const PAUSE: Duration = Duration::from_secs(1);
/// A connect that takes longer is given up.
const CONNECT: Duration = Duration::from_secs(10);
/// After so many times the silence of a worker that is down, the connection may be what is dead: a broker that vanished
/// says no goodbye, and who only listens never finds out.
const SILENCES: u32 = 4;

/// How workers are listened to.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    channel: String,
    /// Silence beyond this is down.
    silence: Duration,
}

impl Config {
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        if !settings.switch("celery.workers") {
            return Ok(None);
        }
        let db: i64 = settings.number("celery.db")?;
        let prefix = settings.text("celery.key-prefix");
        Ok(Some(Self {
            channel: format!("{prefix}/{db}.celeryev/worker.*"),
            silence: settings.duration("celery.worker-silence")?,
        }))
    }
}

#[derive(Debug)]
struct Beat {
    heard: Instant,
    at: SystemTime,
    active: Option<f64>,
    processed: Option<f64>,
    is_offline: bool,
}

/// What the listener knows.
#[derive(Debug, Default)]
struct State {
    workers: BTreeMap<String, Beat>,
    /// Why it does not listen, if it does not.
    trouble: Option<Trouble>,
    is_listening: bool,
}

/// Shows what a task of its own has heard.
pub(crate) struct Workers {
    access: Access,
    config: Config,
    state: Arc<Mutex<State>>,
    listener: Option<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

pub(crate) fn source(access: &Access, config: &Config) -> BoxedSource {
    BoxedSource::new(Workers {
        access: access.clone(),
        config: config.clone(),
        state: Arc::default(),
        listener: None,
    })
}

impl Source for Workers {
    fn collect<'a>(&'a mut self, _: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            // Listening begins with the first scrape: who is not watched does not watch.
            if self.listener.as_ref().is_none_or(JoinHandle::is_finished) {
                let listening = listen(self.access.clone(), self.config.clone(), self.state.clone());
                self.listener = Some(tokio::spawn(listening));
            }
            let mut state = lock(&self.state);
            state.workers.retain(|_, beat| beat.heard.elapsed() < FORGOTTEN);
            for (host, beat) in &state.workers {
                let is_up = !beat.is_offline && beat.heard.elapsed() <= self.config.silence;
                sink.put(&UP, [host], is_up);
                let at = beat.at.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |at| at.as_secs_f64());
                sink.put(&LAST, [host], at);
                if let Some(active) = beat.active {
                    sink.put(&ACTIVE, [host], if is_up { active } else { 0.0 });
                }
                if let Some(processed) = beat.processed {
                    sink.put(&PROCESSED, [host], processed);
                }
            }
            match &state.trouble {
                Some(trouble) if !state.is_listening => {
                    sink.commit();
                    Err(CollectError::failed(format!("listening to Celery's workers: {trouble}")))
                }
                _ => Ok(()),
            }
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens for ever; ended with its source.
async fn listen(access: Access, config: Config, state: Arc<Mutex<State>>) {
    let patience = (config.silence * SILENCES).max(PAUSE);
    loop {
        let subscribed = timeout(CONNECT, access.subscribe(&config.channel)).await;
        match subscribed.unwrap_or_else(|_| Err(Trouble::timeout("subscribing"))) {
            Ok(subscription) => {
                lock(&state).is_listening = true;
                let mut messages = subscription.into_on_message();
                let ended = loop {
                    let message = match timeout(patience, messages.next()).await {
                        Ok(Some(message)) => message,
                        Ok(None) => break Some(Trouble::timeout("waiting for messages")),
                        Err(_) => break None,
                    };
                    if let Some((host, beat)) = heard(message.get_payload_bytes()) {
                        let mut state = lock(&state);
                        if state.workers.contains_key(&host) || state.workers.len() < MOST {
                            state.workers.insert(host, beat);
                        }
                    }
                };
                let mut state = lock(&state);
                state.is_listening = false;
                state.trouble = ended;
                if state.trouble.is_none() {
                    continue;
                }
            }
            Err(trouble) => lock(&state).trouble = Some(trouble),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A kombu message with a worker's event: JSON, its body in base64 or as it is.
fn heard(payload: &[u8]) -> Option<(String, Beat)> {
    let message: Value = serde_json::from_slice(payload).ok()?;
    let body = message.get("body")?.as_str()?;
    let encoding = message.pointer("/properties/body_encoding").and_then(Value::as_str);
    let event: Value = match encoding {
        Some("base64") => serde_json::from_slice(&BASE64_STANDARD.decode(body).ok()?).ok()?,
        _ => serde_json::from_str(body).ok()?,
    };
    let kind = event.get("type")?.as_str()?;
    if !kind.starts_with("worker-") {
        return None;
    }
    // `celery@host`: celery-exporter shows what is behind the @.
    let name = event.get("hostname")?.as_str()?;
    let host = name.split_once('@').map_or(name, |(_, host)| host).to_owned();
    let number = |name: &str| event.get(name).and_then(Value::as_f64);
    let beat = Beat {
        heard: Instant::now(),
        at: SystemTime::now(),
        active: number("active"),
        processed: number("processed"),
        is_offline: kind == "worker-offline",
    };
    Some((host, beat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_workers_and_others() {
        let plain = |body: &str| format!("{{\"body\":{body:?},\"properties\":{{}}}}");
        let beat = r#"{"type":"worker-heartbeat","hostname":"celery@north","active":2,"processed":40}"#;
        let (host, beat) = heard(plain(beat).as_bytes()).unwrap();
        assert_eq!(
            (host.as_str(), beat.active, beat.processed, beat.is_offline),
            ("north", Some(2.0), Some(40.0), false)
        );
        let offline = r#"{"type":"worker-offline","hostname":"celery@north"}"#;
        assert!(heard(plain(offline).as_bytes()).unwrap().1.is_offline);
        for other in [
            "",
            "{}",
            "[]",
            &plain(r#"{"type":"task-sent","hostname":"x"}"#),
            &plain("[[1]]"),
            "{\"body\":1}",
        ] {
            assert!(heard(other.as_bytes()).is_none(), "{other}");
        }
    }
}

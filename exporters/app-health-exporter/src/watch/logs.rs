//! Log checks: lines by level, events by type, patterns, the age of the last line. No text of a line becomes a label that
//! the configuration does not name.

use exporter_core::{BlockingSource, CollectError, Collector, Family, Scrape, Sink};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::tail::Tail;
use super::troubles::Troubles;
use crate::clock;
use crate::config::checks::{Log, System};

pub(super) static LOGS: Collector = Collector {
    name: "logs",
    enabled: true,
    families: &[
        LINES.desc(),
        EVENTS.desc(),
        MATCHES.desc(),
        LAST_LINE.desc(),
        LAST_MATCH.desc(),
        PRESENT.desc(),
        ROTATIONS.desc(),
    ],
    dynamic: &[],
};

static LINES: Family<3> =
    Family::counter("app_log_lines_total", "Lines by level.", &["system", "file", "level"]);
static EVENTS: Family<4> = Family::counter(
    "app_log_events_total",
    "JSON lines of a configured event type, by outcome of the action.",
    &["system", "file", "event_type", "action"],
);
static MATCHES: Family<3> =
    Family::counter("app_log_matches_total", "Lines that a pattern matches.", &["system", "file", "pattern"]);
static LAST_LINE: Family<2> = Family::gauge(
    "app_log_last_line_timestamp_seconds",
    "When a line was last seen, or since when none is, in seconds since 1970.",
    &["system", "file"],
);
static LAST_MATCH: Family<3> = Family::gauge(
    "app_log_last_match_timestamp_seconds",
    "When a pattern last matched, or since when it is looked for, in seconds since 1970.",
    &["system", "file", "pattern"],
);
static PRESENT: Family<2> =
    Family::gauge("app_log_file_present", "Whether the file is there and can be read.", &["system", "file"]);
static ROTATIONS: Family<2> = Family::counter(
    "app_log_rotations_total",
    "Times that the file was moved away or truncated.",
    &["system", "file"],
);

const LEVELS: [&str; 6] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "other"];
/// Fields of JSON lines that hold the level.
const LEVEL_FIELDS: [&str; 4] = ["level", "severity", "levelname", "lvl"];
/// Actions of one file that are told apart.
const MAX_ACTIONS: usize = 50;

#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Vec<Watched>>>);

struct Watched {
    system: String,
    name: String,
    log: Log,
    tail: Tail,
    lines: [u64; LEVELS.len()],
    events: BTreeMap<(String, String), u64>,
    matches: BTreeMap<String, (u64, f64)>,
    last_line: f64,
    present: bool,
    troubles: Troubles,
}

impl Shared {
    pub(super) fn new(systems: &[System]) -> Self {
        let now = clock::now();
        let logs =
            systems.iter().flat_map(|system| system.logs.iter().map(|log| (system.system.clone(), log)));
        let watched = logs.map(|(system, log)| Watched {
            system,
            name: log.label(),
            log: log.clone(),
            tail: Tail::new(&log.file),
            lines: [0; LEVELS.len()],
            events: BTreeMap::new(),
            matches: log.patterns.keys().map(|name| (name.clone(), (0, now))).collect(),
            last_line: now,
            present: false,
            troubles: Troubles::default(),
        });
        Self(Arc::new(Mutex::new(watched.collect())))
    }
}

pub(super) struct Logs(pub(super) Shared);

impl BlockingSource for Logs {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let now = clock::seconds(scrape.now());
        for watched in self.0.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            watched.read(now);
            watched.put(sink);
        }
        Ok(())
    }
}

impl Watched {
    fn read(&mut self, now: f64) {
        let Self { tail, log, lines, events, matches, last_line, .. } = self;
        let result = tail.read(|line| {
            *last_line = now;
            count(line, log, lines, events, matches, now);
        });
        let trouble = match result {
            Ok(true) => None,
            Ok(false) => Some("not there".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        self.present = trouble.is_none();
        self.troubles.tell(format!("log {}", self.log.file.display()), trouble);
    }

    fn put(&self, sink: &mut Sink) {
        let (system, file) = (&self.system, &self.name);
        for (level, count) in LEVELS.iter().zip(self.lines) {
            sink.put(&LINES, [system, file, level], count);
        }
        for ((kind, action), count) in &self.events {
            sink.put(&EVENTS, [system, file, kind, action], *count);
        }
        for (pattern, (count, last)) in &self.matches {
            sink.put(&MATCHES, [system, file, pattern], *count);
            sink.put(&LAST_MATCH, [system, file, pattern], *last);
        }
        sink.put(&LAST_LINE, [system, file], self.last_line);
        sink.put(&PRESENT, [system, file], self.present);
        sink.put(&ROTATIONS, [system, file], self.tail.rotations);
    }
}

fn count(
    line: &[u8],
    log: &Log,
    lines: &mut [u64; LEVELS.len()],
    events: &mut BTreeMap<(String, String), u64>,
    matches: &mut BTreeMap<String, (u64, f64)>,
    now: f64,
) {
    let text = String::from_utf8_lossy(line);
    for (name, pattern) in &log.patterns {
        if pattern.0.is_match(&text)
            && let Some((count, last)) = matches.get_mut(name)
        {
            *count += 1;
            *last = now;
        }
    }
    let json: Option<Value> = text.starts_with('{').then(|| serde_json::from_str(&text).ok()).flatten();
    if let Some(json) = &json {
        event(json, log, events);
    }
    let level = match (&log.level, &json) {
        (Some(pattern), _) => pattern
            .0
            .captures(&text)
            .and_then(|found| found.get(1).or(found.get(0)))
            .and_then(|m| level(m.as_str())),
        (None, Some(json)) => LEVEL_FIELDS.iter().find_map(|field| json.get(field)?.as_str()).and_then(level),
        (None, None) => in_text(&text),
    };
    lines[level.unwrap_or(LEVELS.len() - 1)] += 1;
}

/// An event of a configured type, `{"event_type": "security", "action": "failed_login"}`.
fn event(json: &Value, log: &Log, events: &mut BTreeMap<(String, String), u64>) {
    let Some(kind) = ["event_type", "event"].iter().find_map(|field| json.get(field)?.as_str()) else {
        return;
    };
    let is_known = log.events.iter().any(|known| known == kind);
    let kind = if is_known { kind } else { "other" };
    let action = json.get("action").and_then(Value::as_str).unwrap_or_default();
    let plain = action.len() <= 64 && action.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let key = (kind.to_owned(), if plain && is_known { action } else { "other" }.to_owned());
    let key = if events.contains_key(&key) || events.len() < MAX_ACTIONS {
        key
    } else {
        (key.0, "other".to_owned())
    };
    *events.entry(key).or_default() += 1;
}

fn level(text: &str) -> Option<usize> {
    let name = match text.trim().to_ascii_uppercase().as_str() {
        "TRACE" | "DEBUG" => "DEBUG",
        "INFO" | "NOTICE" | "INFORMATION" => "INFO",
        "WARN" | "WARNING" => "WARNING",
        "ERR" | "ERROR" => "ERROR",
        "CRIT" | "CRITICAL" | "FATAL" | "ALERT" | "EMERG" | "PANIC" => "CRITICAL",
        _ => return None,
    };
    LEVELS.iter().position(|known| *known == name)
}

/// The first word in capitals that is a level; small letters stand in prose.
fn in_text(text: &str) -> Option<usize> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .take(40)
        .filter(|word| word.len() >= 3 && word.chars().all(|c| c.is_ascii_uppercase()))
        .find_map(level)
        .or_else(|| {
            let (_, rest) = text.split_once("level=")?;
            level(rest.trim_start_matches('"').split(|c: char| !c.is_ascii_alphanumeric()).next()?)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(log: &str, lines: &[&str]) -> Watched {
        let text = format!("systems: [{{logs: [{{file: /nowhere, {log}}}]}}]");
        let checks = crate::config::checks::Checks::parse(&text).unwrap();
        let shared = Shared::new(&checks.systems);
        let mut watched = shared.0.lock().unwrap().remove(0);
        for line in lines {
            let Watched { log, lines, events, matches, .. } = &mut watched;
            count(line.as_bytes(), log, lines, events, matches, 5.0);
        }
        watched
    }

    #[test]
    fn levels_of_the_usual_forms() {
        let watched = counted(
            "name: x",
            &[
                "2024-01-15 10:30:00,123 - app - ERROR - it failed with INFO",
                "[WARN] low",
                r#"{"timestamp": "x", "level": "error", "message": "INFO"}"#,
                "ts=1 level=info msg=ok",
                "no level here, only an error in prose",
                "CRITICAL: gone",
                r#"{"broken": "#,
            ],
        );
        assert_eq!(watched.lines, [0, 1, 1, 2, 1, 2]);
    }

    #[test]
    fn events_and_patterns_are_bounded_by_the_configuration() {
        let mut lines = vec![
            r#"{"event_type": "security", "action": "failed_login"}"#.to_owned(),
            r#"{"event_type": "secret_token_123", "action": "x"}"#.to_owned(),
            "agent_heartbeat ok".to_owned(),
        ];
        lines.extend((0..200).map(|n| format!(r#"{{"event_type": "security", "action": "a{n}"}}"#)));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let watched = counted("events: [security], patterns: {beat: agent_heartbeat}", &lines);
        assert_eq!(watched.events[&("security".into(), "failed_login".into())], 1);
        assert_eq!(watched.events[&("other".into(), "other".into())], 1);
        assert!(watched.events.len() <= MAX_ACTIONS + 2);
        assert_eq!(watched.matches["beat"], (1, 5.0));
    }
}

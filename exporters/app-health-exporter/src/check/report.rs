//! What a health body says. Pure: the body's shape is found, its texts are mapped, nothing else gets out.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::states::{State, States};
use crate::clock;
use crate::config::checks::{Check, Preset, Rule, RuleKind};

/// Keys under which bodies list their parts.
const CONTAINERS: [&str; 5] = ["components", "services", "checks", "dependencies", "details"];
/// How deep a body is looked into.
const DEPTH: usize = 3;
/// No name of a component or version is longer.
const MAX_NAME: usize = 64;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Component {
    /// Up or not, and the text out of the map.
    pub(super) status: Option<(bool, String)>,
    pub(super) response_seconds: Option<f64>,
    pub(super) last_run: Option<f64>,
    pub(super) age_seconds: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Agent {
    pub(super) status: Option<(bool, String)>,
    pub(super) last_seen: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    /// `overall` is the top status.
    pub(super) components: BTreeMap<String, Component>,
    pub(super) agents: BTreeMap<String, Agent>,
    /// By name and component.
    pub(super) values: BTreeMap<(String, String), f64>,
    pub(super) version: Option<String>,
    pub(super) reported: Option<f64>,
    /// The top status says that it does not work.
    pub(super) is_down: bool,
    /// Texts that no map knows, and names that cannot be labels.
    pub(super) unknown: u64,
    /// Beyond the cap.
    pub(super) dropped: u64,
}

pub(super) const OVERALL: &str = "overall";

struct Reader<'a> {
    states: &'a States,
    zone: i64,
    max: usize,
    report: Report,
}

/// Reads a body. `None` where nothing in it is known.
pub(super) fn read(body: &Value, check: &Check, states: &States) -> Option<Report> {
    let mut reader = Reader { states, zone: check.zone, max: check.max_series, report: Report::default() };
    match (check.preset, body) {
        (Preset::None, _) => {}
        (Preset::Auto | Preset::List, Value::Array(entries)) => reader.list(entries),
        (Preset::List, Value::Object(map)) => {
            map.values().filter_map(Value::as_array).for_each(|entries| reader.list(entries));
        }
        (_, Value::Object(map)) => reader.top(map),
        (_, Value::String(text)) => reader.status(OVERALL, text),
        _ => {}
    }
    for rule in &check.map {
        reader.rule(rule, body);
    }
    let report = reader.report;
    let found = !report.components.is_empty() || !report.agents.is_empty() || !report.values.is_empty();
    (found || (check.preset == Preset::None && check.map.is_empty())).then_some(report)
}

impl Reader<'_> {
    fn top(&mut self, map: &Map<String, Value>) {
        for (key, value) in map {
            match (key.as_str(), value) {
                ("status" | "state" | "health", Value::String(text)) => self.status(OVERALL, text),
                ("healthy" | "ok", Value::Bool(up)) => self.flag(OVERALL, *up),
                ("timestamp" | "time" | "reported_at" | "checked_at", value) => {
                    self.report.reported = self.time(value);
                }
                ("version", Value::String(text)) => self.version(text),
                (key, Value::Object(inner)) => self.container(key, inner, 1),
                (_, Value::Array(entries)) => self.list(entries),
                (key, value) => self.leaf(key, "", value, false),
            }
        }
    }

    fn container(&mut self, name: &str, map: &Map<String, Value>, depth: usize) {
        let is_list = CONTAINERS.contains(&name);
        for (key, value) in map {
            match value {
                Value::Object(inner) if depth < DEPTH && is_component(inner) => self.component(key, inner),
                Value::Object(inner) if depth < DEPTH => self.container(key, inner, depth + 1),
                value => self.leaf(key, if is_list { "" } else { name }, value, is_list),
            }
        }
    }

    fn component(&mut self, name: &str, map: &Map<String, Value>) {
        let Some(name) = self.name(name) else { return };
        for (key, value) in map {
            match (key.as_str(), value) {
                ("status" | "state", Value::String(text)) => self.status(&name, text),
                ("healthy" | "ok" | "up", Value::Bool(up)) => self.flag(&name, *up),
                ("response_time_ms" | "latency_ms" | "duration_ms", value) => {
                    let seconds = value.as_f64().map(|ms| ms / 1000.0);
                    self.edit(&name, |component| component.response_seconds = seconds);
                }
                ("last_run" | "last_success" | "last_update" | "last_sync", value) => {
                    let time = self.time(value);
                    self.edit(&name, |component| component.last_run = time);
                }
                ("age_hours", value) => {
                    let seconds = value.as_f64().map(|hours| hours * 3600.0);
                    self.edit(&name, |component| component.age_seconds = seconds);
                }
                ("age_seconds", value) => {
                    let seconds = value.as_f64();
                    self.edit(&name, |component| component.age_seconds = seconds);
                }
                (key, Value::Number(number)) => self.value(key, &name, number.as_f64()),
                // Error texts and the like are for the application's own log.
                _ => {}
            }
        }
    }

    /// A text is a component where the map knows it, or where only components stand; a number is a value.
    fn leaf(&mut self, key: &str, within: &str, value: &Value, must: bool) {
        match value {
            Value::String(text) if must || self.states.find(text).is_some() => self.status(key, text),
            Value::Bool(up) if must => self.flag(key, *up),
            Value::Number(number) => self.value(key, within, number.as_f64()),
            _ => {}
        }
    }

    fn list(&mut self, entries: &[Value]) {
        for entry in entries.iter().filter_map(Value::as_object) {
            let named =
                ["name", "agent_name", "agent", "id"].iter().find_map(|key| entry.get(*key)?.as_str());
            let Some(name) = named.and_then(|name| self.name(name)) else { continue };
            let last_seen = ["last_seen", "last_heartbeat", "heartbeat", "updated_at"];
            let last_seen =
                last_seen.iter().find_map(|key| entry.get(*key)).and_then(|value| self.time(value));
            let text = ["status", "state"].iter().find_map(|key| entry.get(*key)?.as_str());
            if last_seen.is_none() && text.is_none() {
                continue;
            }
            let status = text.map(|text| self.state(text));
            if self.has_room() || self.report.agents.contains_key(&name) {
                self.report
                    .agents
                    .insert(name, Agent { status: status.map(|(up, text, _)| (up, text)), last_seen });
            }
        }
    }

    fn rule(&mut self, rule: &Rule, body: &Value) {
        let hits: Vec<(String, &Value)> = rule
            .select
            .0
            .query_located(body)
            .iter()
            .map(|hit| {
                (hit.location().iter().last().map(|last| last.to_string()).unwrap_or_default(), hit.node())
            })
            .collect();
        for (key, node) in hits {
            let inner = |path: &Option<crate::config::checks::PathText>| match path {
                Some(path) => path.0.query(node).first(),
                None => Some(node),
            };
            let Some(value) = inner(&rule.value) else { continue };
            let key = match (&rule.key, rule.component.as_str()) {
                (Some(_), _) => inner(&rule.key).and_then(Value::as_str).unwrap_or_default().to_owned(),
                (None, "") => key,
                (None, fixed) => fixed.to_owned(),
            };
            let Some(name) = self.name(&key) else { continue };
            match (rule.kind, value) {
                (RuleKind::Status, Value::String(text)) => self.status(&name, text),
                (RuleKind::Status, Value::Bool(up)) => self.flag(&name, *up),
                (RuleKind::Value, value) => {
                    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                    let name_of_value = if rule.name.is_empty() { name.clone() } else { rule.name.clone() };
                    let component = if rule.name.is_empty() { String::new() } else { name };
                    self.value(&name_of_value, &component, number.map(|number| number * rule.scale));
                }
                (RuleKind::Time, value) => {
                    let time = self.time(value);
                    self.edit(&name, |component| component.last_run = time);
                }
                (RuleKind::Version, Value::String(text)) => self.version(text),
                (RuleKind::Reported, value) => self.report.reported = self.time(value),
                _ => self.report.unknown += 1,
            }
        }
    }

    fn status(&mut self, name: &str, text: &str) {
        let Some(name) = self.name(name) else { return };
        let (up, text, state) = self.state(text);
        if name == OVERALL {
            self.report.is_down = state == State::Down;
        }
        self.edit(&name, |component| component.status = Some((up, text)));
    }

    fn flag(&mut self, name: &str, up: bool) {
        self.status(name, if up { "up" } else { "down" });
    }

    fn state(&mut self, text: &str) -> (bool, String, State) {
        match self.states.find(text) {
            Some((text, state)) => (state == State::Up, text.to_owned(), state),
            None => {
                self.report.unknown += 1;
                (false, "unknown".to_owned(), State::Down)
            }
        }
    }

    fn value(&mut self, name: &str, component: &str, value: Option<f64>) {
        let (Some(name), Some(value)) = (self.name(name), value) else { return };
        let key = (name, component.to_owned());
        if self.report.values.contains_key(&key) || self.has_room() {
            self.report.values.insert(key, value);
        }
    }

    fn time(&mut self, value: &Value) -> Option<f64> {
        let time = match value {
            Value::String(text) => clock::timestamp(text, self.zone),
            Value::Number(number) => number.as_f64().map(clock::epoch),
            _ => None,
        };
        if time.is_none() && !value.is_null() {
            self.report.unknown += 1;
        }
        time
    }

    fn version(&mut self, text: &str) {
        self.report.version = self.name(text);
    }

    /// What can be a label: short and plain. A body cannot put anything else on the page.
    fn name(&mut self, text: &str) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+/: ".contains(c);
        if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(plain) {
            self.report.unknown += 1;
            return None;
        }
        Some(text.to_owned())
    }

    fn edit(&mut self, name: &str, change: impl FnOnce(&mut Component)) {
        if self.report.components.contains_key(name) || self.has_room() {
            change(self.report.components.entry(name.to_owned()).or_default());
        }
    }

    fn has_room(&mut self) -> bool {
        let size = self.report.components.len() + self.report.agents.len() + self.report.values.len();
        if size >= self.max {
            self.report.dropped += 1;
        }
        size < self.max
    }
}

fn is_component(map: &Map<String, Value>) -> bool {
    ["status", "state", "healthy", "ok", "up"]
        .iter()
        .any(|key| map.get(*key).is_some_and(|value| value.is_string() || value.is_boolean()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::checks::Checks;

    fn check(options: &str) -> Check {
        let text = format!("systems: [{{checks: [{{name: x, url: h, {options}}}]}}]");
        Checks::parse(&text).unwrap().systems.remove(0).checks.remove(0)
    }

    fn report(body: &str) -> Report {
        read(&serde_json::from_str(body).unwrap(), &check(""), &States::new(&BTreeMap::new())).unwrap()
    }

    fn up(report: &Report) -> Vec<(&str, u8)> {
        let status = |c: &Component| c.status.as_ref().map(|(up, _)| u8::from(*up));
        report.components.iter().filter_map(|(name, c)| Some((name.as_str(), status(c)?))).collect()
    }

    /// The four shapes that the monitored systems serve.
    #[test]
    fn flat() {
        let report = report(
            r#"{"status": "healthy", "database": "connected", "storage": "accessible", "timestamp": "2024-01-15T10:30:00Z"}"#,
        );
        assert_eq!(up(&report), [("database", 1), ("overall", 1), ("storage", 1)]);
        assert_eq!((report.reported, report.unknown), (Some(1_705_314_600.0), 0));
    }

    #[test]
    fn nested() {
        let report = report(
            r#"{"status": "healthy", "version": "1.2.3", "services": {"database": "healthy", "redis": "unhealthy", "qdrant": "weird"},
                "workers": {"celery": "healthy", "active_tasks": 3}}"#,
        );
        assert_eq!(
            up(&report),
            [("celery", 1), ("database", 1), ("overall", 1), ("qdrant", 0), ("redis", 0)]
        );
        assert_eq!(report.values[&("active_tasks".into(), "workers".into())], 3.0);
        assert_eq!((report.version.as_deref(), report.unknown), (Some("1.2.3"), 1));
    }

    #[test]
    fn components() {
        let report = report(
            r#"{"status": "degraded", "components": {"database": {"status": "healthy", "response_time_ms": 12.5},
                "etl": {"status": "stale", "last_run": "2024-01-15T02:00:00", "age_hours": 26.5},
                "api": {"status": "unhealthy", "error": "password=hunter2 refused"}}}"#,
        );
        assert_eq!(up(&report), [("api", 0), ("database", 1), ("etl", 0), ("overall", 0)]);
        let etl = &report.components["etl"];
        assert_eq!((etl.last_run, etl.age_seconds), (Some(1_705_284_000.0), Some(95_400.0)));
        assert_eq!(report.components["database"].response_seconds, Some(0.0125));
        assert!(!report.is_down && !format!("{report:?}").contains("hunter2"));
    }

    #[test]
    fn list() {
        let report = report(
            r#"[{"name": "a1", "last_seen": "2024-01-15T10:30:00Z", "status": "active"}, {"name": "a2", "status": "inactive", "last_seen": null},
                {"name": "bad\nname", "status": "active"}, 3]"#,
        );
        assert_eq!(report.agents.len(), 2);
        assert_eq!(report.agents["a1"].last_seen, Some(1_705_314_600.0));
        assert_eq!(report.agents["a2"].status, Some((false, "inactive".to_owned())));
    }

    #[test]
    fn rules_name_the_rest() {
        let check = check(
            "preset: none, map: [{select: '$.queues[*]', key: '$.q', kind: value, value: '$.n', name: depth, scale: 10}, \
             {select: '$.parts.*', kind: status}, {select: '$.when', kind: reported}]",
        );
        let body = r#"{"queues": [{"q": "mail", "n": 2}], "parts": {"disk": "fine"}, "when": 1705314600}"#;
        let states = States::new(&BTreeMap::from([("fine".to_owned(), 1)]));
        let report = read(&serde_json::from_str(body).unwrap(), &check, &states).unwrap();
        assert_eq!(report.values[&("depth".into(), "mail".into())], 20.0);
        assert_eq!(up(&report), [("disk", 1)]);
        assert_eq!(report.reported, Some(1_705_314_600.0));
    }

    #[test]
    fn what_says_nothing_is_told() {
        for body in ["{}", "[]", "3", r#"{"hello": "world"}"#, "null"] {
            let value = serde_json::from_str(body).unwrap();
            assert_eq!(read(&value, &check(""), &States::new(&BTreeMap::new())), None, "{body}");
        }
    }

    #[test]
    fn a_body_cannot_make_endless_series() {
        let body: Map<String, Value> = (0..10_000).map(|n| (format!("c{n}"), Value::from("ok"))).collect();
        let body = Value::from(Map::from_iter([("services".to_owned(), Value::Object(body))]));
        let report = read(&body, &check("max_series: 50"), &States::new(&BTreeMap::new())).unwrap();
        assert_eq!((report.components.len(), report.dropped), (50, 9_950));
    }

    proptest::proptest! {
        #[test]
        fn junk_never_panics(text in "[\\[\\]{}\":,a-z0-9 ]{0,200}") {
            if let Ok(value) = serde_json::from_str(&text) {
                let _ = read(&value, &check(""), &States::new(&BTreeMap::new()));
            }
        }
    }
}

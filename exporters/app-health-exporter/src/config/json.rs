//! json_exporter's modules: Kubernetes JSONPath templates, compiled once as RFC 9535 paths.

use exporter_core::Kind;
use exporter_core::exposition::{is_label_name, is_metric_name};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;
use std::collections::BTreeMap;

use super::client::ClientConfig;

#[derive(Debug)]
pub(crate) struct JsonModule {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) http_client_config: ClientConfig,
    /// Makes the request a POST.
    pub(crate) body: Option<String>,
    pub(crate) valid_status_codes: Vec<u16>,
}

#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) path: Template,
    pub(crate) labels: Vec<(String, Template)>,
    /// Of an object metric: suffix and value.
    pub(crate) values: Option<Vec<(String, Template)>>,
    pub(crate) allow_missing: bool,
}

/// Text with paths in it.
#[derive(Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Path(JsonPath),
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = closing(&rest[open..]).ok_or_else(|| format!("{text:?}: a brace is not closed"))?;
            let path = rest[open + 1..open + close].trim();
            parts.push(part(path).map_err(|error| format!("{text:?}: {error}"))?);
            rest = &rest[open + close + 1..];
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// What the template selects, if it is one path; its text else.
    pub(crate) fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self.0.as_slice() {
            [Part::Path(path)] => path.query(value).all(),
            _ => Vec::new(),
        }
    }

    /// The text; `None` where a path finds nothing.
    pub(crate) fn text(&self, value: &Value) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Path(path) => {
                    let found = path.query(value).all();
                    if found.is_empty() {
                        return None;
                    }
                    let texts: Vec<String> = found.iter().map(|value| plain(value)).collect();
                    out.push_str(&texts.join(" "));
                }
            }
        }
        Some(out)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn part(path: &str) -> Result<Part, String> {
    if path == "end" || path.starts_with("range ") {
        return Err(RANGE.to_owned());
    }
    if let Some(text) = path.strip_prefix(['"', '\'']) {
        return Ok(Part::Text(text.trim_end_matches(['"', '\'']).to_owned()));
    }
    let standard = match path {
        "" | "@" | "." => "$".to_owned(),
        _ if path.starts_with('$') => path.to_owned(),
        _ if path.starts_with('@') => format!("${}", &path[1..]),
        _ if path.starts_with(['.', '[']) => format!("${path}"),
        _ => format!("$.{path}"),
    };
    // Kubernetes escapes dots in names; the standard quotes such names.
    let standard = standard.replace("\\.", "__DOT__");
    let standard = if standard.contains("__DOT__") { quote_dotted(&standard) } else { standard };
    JsonPath::parse(&standard).map(Part::Path).map_err(|error| error.to_string())
}

fn quote_dotted(path: &str) -> String {
    path.split('.')
        .map(|segment| {
            if segment.contains("__DOT__") {
                format!("['{}']", segment.replace("__DOT__", "."))
            } else if segment == "$" {
                "$".to_owned()
            } else {
                format!(".{segment}")
            }
        })
        .collect()
}

/// Where the brace at the start is closed; braces in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

/// What of the peer's is not done here: costs its module, not the file.
pub(crate) fn refused(value: &serde_yaml::Value) -> Option<String> {
    let body = value.get("body").and_then(|body| body.get("templatize"));
    if body.and_then(serde_yaml::Value::as_bool) == Some(true) {
        return Some("body.templatize is not supported; give the body as it is sent".to_owned());
    }
    let metrics = value.get("metrics").and_then(serde_yaml::Value::as_sequence).into_iter().flatten();
    metrics.into_iter().any(has_range).then(|| RANGE.to_owned())
}

fn has_range(value: &serde_yaml::Value) -> bool {
    match value {
        serde_yaml::Value::String(text) => text.contains("{range ") || text.contains("{ range "),
        serde_yaml::Value::Mapping(map) => map.values().any(has_range),
        _ => false,
    }
}

const RANGE: &str = "range and end are not supported; use type: object";

impl JsonModule {
    pub(crate) fn parse(value: serde_yaml::Value) -> Result<Self, String> {
        let raw: Raw = serde_yaml::from_value(value).map_err(|error| super::words::of(&error))?;
        let metrics = raw.metrics.into_iter().map(metric).collect::<Result<_, _>>()?;
        let body = Some(raw.body.content).filter(|content| !content.is_empty());
        Ok(Self {
            headers: raw.headers,
            metrics,
            http_client_config: raw.http_client_config,
            body,
            valid_status_codes: raw.valid_status_codes,
        })
    }
}

fn metric(raw: RawMetric) -> Result<Metric, String> {
    let name = raw.name;
    let told = |error: String| format!("metric {name}: {error}");
    let kind = match raw.valuetype.as_str() {
        "" | "untyped" => Kind::Untyped,
        "gauge" => Kind::Gauge,
        "counter" => Kind::Counter,
        other => return Err(told(format!("valuetype {other:?} is none of untyped, gauge, counter"))),
    };
    let templates =
        |map: BTreeMap<String, super::values::Scalar>| -> Result<Vec<(String, Template)>, String> {
            map.into_iter().map(|(key, value)| Ok((key, Template::parse(&value.text())?))).collect()
        };
    let labels = templates(raw.labels).map_err(told)?;
    if let Some((bad, _)) = labels.iter().find(|(label, _)| !is_label_name(label)) {
        return Err(told(format!("{bad:?} is no label name")));
    }
    let values = match raw.kind.as_str() {
        "" | "value" => None,
        "object" => Some(templates(raw.values).map_err(told)?),
        other => return Err(told(format!("type {other:?} is neither value nor object"))),
    };
    if !is_metric_name(&name) {
        return Err(told("that is no metric name".to_owned()));
    }
    if !raw.epochtimestamp.is_empty() {
        tracing::warn!(metric = name, "epochTimestamp is ignored: samples carry no timestamps here");
    }
    let path = Template::parse(&raw.path).map_err(told)?;
    let help = if raw.help.is_empty() { name.clone() } else { raw.help };
    Ok(Metric { name, help, kind, path, labels, values, allow_missing: raw.allow_missing_key })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    metrics: Vec<RawMetric>,
    #[serde(default)]
    http_client_config: ClientConfig,
    #[serde(default)]
    body: RawBody,
    #[serde(default)]
    valid_status_codes: Vec<u16>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawBody {
    content: String,
    templatize: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetric {
    name: String,
    path: String,
    #[serde(default)]
    labels: BTreeMap<String, super::values::Scalar>,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    valuetype: String,
    #[serde(default, alias = "epochTimestamp")]
    epochtimestamp: String,
    #[serde(default)]
    help: String,
    #[serde(default)]
    values: BTreeMap<String, super::values::Scalar>,
    #[serde(default)]
    allow_missing_key: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_the_peer() {
        let value: Value = serde_json::from_str(
            r#"{"counter": 1234, "location": "mars", "values": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "a.b": 3}"#,
        )
        .unwrap();
        for (template, expected) in [
            ("{.counter}", "1234"),
            ("planet-{.location}", "planet-mars"),
            ("{.values[*].id}", "a b"),
            (r#"{.values[?(@.id == "b")].n}"#, "2"),
            ("{ .counter }/{.location}", "1234/mars"),
            ("{.a\\.b}", "3"),
            ("constant", "constant"),
        ] {
            assert_eq!(
                Template::parse(template).unwrap().text(&value).as_deref(),
                Some(expected),
                "{template}"
            );
        }
        assert_eq!(Template::parse("{.nope}").unwrap().text(&value), None);
        for (bad, part) in [("{range .x}", "range"), ("{.a", "brace"), ("{.a[}", "{.a[}")] {
            let error = Template::parse(bad).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}

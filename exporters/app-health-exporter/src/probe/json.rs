//! json_exporter's probe: values of a JSON body.

use bytes::Bytes;
use exporter_core::{Collector, LabelValue, Page};
use hyper::Method;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use serde_json::Value;
use std::time::Instant;

use super::{COMMON, Probe, within};
use crate::config::json::{JsonModule, Metric};
use crate::config::options::Ip;
use crate::net::body::Limits;
use crate::net::http::{Call, Trace, call, header};
use crate::net::json::{max_values, parse};
use crate::net::url::Url;
use crate::net::{Failure, Reason};

/// The families beside these are the configuration's.
pub(crate) static JSON: Collector =
    Collector { name: "json", enabled: true, families: &[COMMON[0], COMMON[1], COMMON[2]], dynamic: &[] };

pub(super) async fn run(
    probe: &Probe,
    module: &JsonModule,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    let mut trace = Trace::default();
    let body = match within(begin, deadline, ask(probe, module, &mut trace)).await {
        Ok(result) => result?,
        Err(after) => return Err(trace.stage.timeout(after)),
    };
    let value = parse(&body, max_values(probe.context.max_body))?;
    let mut missing = None;
    // A family's samples stand together, so one after the other.
    for metric in &module.metrics {
        if let Err(what) = put(page, metric, &value) {
            missing.get_or_insert(what);
        }
    }
    missing.map_or(Ok(()), |what| Err(Failure::new(Reason::Mapping, what)))
}

async fn ask(probe: &Probe, module: &JsonModule, trace: &mut Trace) -> Result<Vec<u8>, Failure> {
    let url = Url::parse(&probe.target)?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in &module.headers {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    let method = if module.body.is_some() { Method::POST } else { Method::GET };
    let body = module.body.as_ref().map_or(Bytes::new(), |body| Bytes::copy_from_slice(body.as_bytes()));
    let answer = call(
        &Call {
            context: &probe.context,
            client: &module.http_client_config,
            tls: &probe.module.tls,
            url: &url,
            method: &method,
            headers: &headers,
            body: &body,
            ip: Ip {
                preferred_ip_protocol: crate::config::options::Protocol::Ip4,
                ip_protocol_fallback: true,
            },
            hostname: None,
            follow: module.http_client_config.follow_redirects,
            compression: "",
            limits: Limits { size: 0, keep: true, most: probe.context.max_body },
            skip_resolve: false,
            trusted: false,
        },
        trace,
    )
    .await?;
    let valid = match module.valid_status_codes.as_slice() {
        [] => (200..300).contains(&trace.status),
        codes => codes.contains(&trace.status),
    };
    if !valid {
        return Err(Failure::new(Reason::Status, format!("status {}", trace.status)));
    }
    answer.body_failure.map_or(Ok(answer.body), Err)
}

fn put(page: &mut Page, metric: &Metric, value: &Value) -> Result<(), String> {
    let Some(values) = &metric.values else {
        let text = match metric.path.text(value) {
            Some(text) => text,
            None if metric.allow_missing => return Ok(()),
            None => return Err(format!("metric {}: its path finds nothing", metric.name)),
        };
        let number = number(&text).ok_or_else(|| format!("metric {}: no number", metric.name))?;
        return sample(page, &metric.name, metric, value, number);
    };
    let mut found = metric.path.select(value);
    // One hit that is a list stands for its entries.
    if let [Value::Array(entries)] = found.as_slice() {
        found = entries.iter().collect();
    }
    if found.is_empty() && !metric.allow_missing {
        return Err(format!("metric {}: its path finds nothing", metric.name));
    }
    let mut problem = Ok(());
    for (suffix, template) in values {
        let name = format!("{}_{suffix}", metric.name);
        for entry in &found {
            let text = template.text(entry);
            match text.as_deref().and_then(number) {
                Some(number) => sample(page, &name, metric, entry, number)?,
                None if metric.allow_missing && text.is_none() => {}
                None => problem = Err(format!("metric {name}: no number")),
            }
        }
    }
    problem
}

fn sample(page: &mut Page, name: &str, metric: &Metric, value: &Value, number: f64) -> Result<(), String> {
    let labels: Vec<(&str, String)> = metric
        .labels
        .iter()
        .map(|(label, text)| (label.as_str(), text.text(value).unwrap_or_default()))
        .collect();
    let mut family = page.foreign(name, metric.kind, &metric.help).map_err(|error| error.to_string())?;
    let labels = labels.iter().map(|(label, text)| (*label, text as &dyn LabelValue));
    family.put("", labels, number).map_err(|error| error.to_string())
}

/// As the peer reads it: a number, a truth value, or null.
fn number(text: &str) -> Option<f64> {
    match text.trim() {
        "true" | "t" | "T" | "TRUE" | "True" => Some(1.0),
        "false" | "f" | "F" | "FALSE" | "False" => Some(0.0),
        "null" | "<nil>" => Some(f64::NAN),
        text => text.parse().ok(),
    }
}

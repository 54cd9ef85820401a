//! `/sd`: what is served, as Prometheus' http_sd reads it.

use super::App;
use crate::blueprint::hostname;

/// What tells one instance from another: the program's own page has its own.
const OWN: [&str; 2] = ["job", "instance"];

/// The instances and the program's own page, at the address by which the request came. Each has an `instance` of its
/// own, which holds the machine's name: series of two instances, or of two machines with the same file, must not mix.
pub(super) fn targets(app: &App, host: &str) -> String {
    let instances = app.instances();
    let secure = app.scheme() == "https";
    let mut out = String::from("[");
    for instance in instances.iter() {
        target(host, &instance.path, secure, &instance.labels, &mut out);
    }
    if let Some(path) = &app.own_path {
        // What all instances agree on (a system, a host), the process has in common with them.
        let mut labels: Vec<_> = match instances.split_first() {
            None => vec![("host".to_owned(), hostname())],
            Some((first, others)) => first
                .labels
                .iter()
                .filter(|label| others.iter().all(|other| other.labels.contains(label)))
                .filter(|(label, _)| !OWN.contains(&label.as_str()))
                .cloned()
                .collect(),
        };
        labels.push(("job".to_owned(), app.program.to_owned()));
        labels.push(("instance".to_owned(), hostname()));
        target(host, path, secure, &labels, &mut out);
    }
    out.push_str("]\n");
    out
}

fn target(host: &str, path: &str, secure: bool, labels: &[(String, String)], out: &mut String) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str("{\"targets\":[");
    json_string(host, out);
    out.push_str("],\"labels\":{\"__metrics_path__\":");
    json_string(path, out);
    if secure {
        out.push_str(",\"__scheme__\":\"https\"");
    }
    for (label, value) in labels {
        out.push(',');
        json_string(label, out);
        out.push(':');
        json_string(value, out);
    }
    out.push_str("}}");
}

fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

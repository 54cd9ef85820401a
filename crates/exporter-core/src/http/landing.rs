//! The landing page: each instance, its collectors, and how they fared last.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::{App, Instance};
use crate::build;
use crate::registry::{CollectorStatus, Down};
use crate::source::Outcome;

const STYLE: &str = include_str!("landing.css");

pub(crate) fn page(app: &App) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let program = app.program;
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{program}</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <header><h1>{program}</h1><p>version {}</p><nav>",
        build::VERSION
    );
    if let Some(path) = &app.own_path {
        let _ = write!(out, "<a href=\"{path}\">own metrics</a>");
        out.push_str("<a href=\"/sd\">targets as http_sd</a>");
    }
    out.push_str("<a href=\"/-/healthy\">health</a></nav></header>\n<main>\n");
    for instance in app.instances().iter() {
        section(instance, &mut out);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn section(instance: &Instance, out: &mut String) {
    let rows: Vec<_> = instance
        .registry
        .collectors()
        .map(|collector| (collector, instance.registry.status(collector.name)))
        .collect();
    let count = |wanted: fn(&Outcome) -> bool| {
        rows.iter()
            .filter(|(_, status)| status.as_ref().is_some_and(|status| wanted(&status.outcome)))
            .count()
    };
    let failing = count(|outcome| matches!(outcome, Outcome::Error(_) | Outcome::Timeout));
    let ok = count(Outcome::success);
    let series: usize = rows.iter().filter_map(|(_, status)| status.as_ref()).map(|s| s.samples).sum();
    let last = rows.iter().filter_map(|(_, status)| status.as_ref()).map(|status| status.at).max();
    let down = instance.registry.down();
    let (mut class, mut verdict) = match (last, failing) {
        (None, _) => ("idle", "not scraped yet".to_owned()),
        (Some(_), 0) => ("ok", format!("{ok} of {} collectors have data", rows.len())),
        (Some(_), failing) => ("bad", format!("{failing} of {} collectors fail", rows.len())),
    };
    for told in down.iter().filter(|_| last.is_some()) {
        class = "bad";
        let _ = write!(verdict, ", {told}");
    }
    let (exporter, path, name) = (instance.exporter.name, escape(&instance.path), escape(&instance.name));
    let _ = write!(
        out,
        "<section><h2>{exporter} <small>{name}</small></h2>\
         <p class=\"facts\"><span class=\"badge {class}\">{verdict}</span>"
    );
    if let Some(at) = last {
        let _ = write!(out, "<span>{series} series</span><span>scraped {} ago</span>", ago(at));
    }
    let _ = write!(
        out,
        "<a href=\"{path}\">{path}</a></p>\n<table><thead><tr><th>collector<th>last result\
         <th class=\"n\">duration<th class=\"n\">series</tr></thead><tbody>\n"
    );
    for (collector, status) in &rows {
        let down = down.iter().find(|told| told.collector == collector.name);
        row(collector.name, &path, status.as_ref(), down, out);
    }
    out.push_str("</tbody></table></section>\n");
}

fn row(collector: &str, path: &str, status: Option<&CollectorStatus>, down: Option<&Down>, out: &mut String) {
    let _ = write!(out, "<tr><td><a href=\"{path}?collect[]={collector}\">{collector}</a>");
    let Some(status) = status else {
        out.push_str("<td class=\"idle\">–<td class=\"n\">–<td class=\"n\">–</tr>\n");
        return;
    };
    let (class, result) = match (&status.outcome, down) {
        (Outcome::Ok, None) => ("ok", "ok".to_owned()),
        (Outcome::Ok, Some(down)) => ("bad", down.to_string()),
        (Outcome::NoData(why), _) => ("idle", format!("no data: {}", escape(why))),
        (Outcome::Error(why), _) => ("bad", escape(why)),
        (Outcome::Timeout, _) => ("bad", "not ready by the deadline".to_owned()),
    };
    let _ = writeln!(
        out,
        "<td><span class=\"dot {class}\"></span>{result}<td class=\"n\">{}<td class=\"n\">{}</tr>",
        short(status.duration),
        status.samples
    );
}

fn short(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ 0..1000 => format!("{micros} µs"),
        micros @ 1000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        micros => format!("{:.1} s", micros as f64 / 1e6),
    }
}

fn ago(at: SystemTime) -> String {
    match SystemTime::now().duration_since(at).unwrap_or_default().as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

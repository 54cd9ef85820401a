//! Every family that an exporter declares: for documentation, and for the check that no rule or panel is dead.

use exposition::parse::parse;
use exposition::{Assembly, Desc, Format, Kind, Options, Page};

use crate::exporter::Exporter;
use crate::http;

/// A family of the catalogue.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CatalogueRow {
    /// The collector that fills it; empty for what the program says of itself.
    pub collector: &'static str,
    /// The name; a prefix where the rest is known at run time only.
    pub family: String,
    /// Whether `family` is a prefix.
    pub prefix: bool,
    /// The type as a text page has it.
    pub kind: &'static str,
    /// Help text.
    pub help: String,
    /// Label names, without those of the target.
    pub labels: Vec<String>,
}

/// What the registry says about each instance, by suffix of the exporter's namespace.
pub(crate) const DURATION: (&str, &str) =
    ("_scrape_collector_duration_seconds", "Time that a collector took.");
pub(crate) const SUCCESS: (&str, &str) =
    ("_scrape_collector_success", "Whether a collector has filled its families.");
pub(crate) const STATE: (&str, &str) = (
    "_scrape_collector_state",
    "How a collector came out: ok, nodata, error or timeout; the series that is there is 1.",
);
pub(crate) const LAST_SUCCESS: (&str, &str) = (
    "_collector_last_success_timestamp_seconds",
    "When a collector last filled its families, in seconds since 1970.",
);

/// A family that the registry puts on a page once there is something to say.
pub(crate) struct Counted {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    labels: &'static [&'static str],
}

pub(crate) const STUCK: Counted = Counted {
    name: "exporter_worker_stuck_threads",
    kind: Kind::Gauge,
    help: "Threads that hang in a system call.",
    labels: &[],
};
pub(crate) const STALLS: Counted = Counted {
    name: "exporter_worker_stalls_total",
    kind: Kind::Counter,
    help: "Times that a thread was replaced because a source stalled it.",
    labels: &[],
};
pub(crate) const DROPPED: Counted = Counted {
    name: "exporter_series_dropped_total",
    kind: Kind::Counter,
    help: "Samples that were left out of a page, by family and reason.",
    labels: &["family", "reason"],
};

impl Exporter {
    /// What its pages hold, sorted by collector and name.
    pub fn catalogue(&self) -> Vec<CatalogueRow> {
        let row = |collector, desc: &Desc, prefix| CatalogueRow {
            collector,
            family: desc.name.to_owned(),
            prefix,
            kind: desc.kind.text(),
            help: desc.help.to_owned(),
            labels: desc.labels.iter().map(|label| (*label).to_owned()).collect(),
        };
        let mut rows = Vec::new();
        for collector in (self.collectors)() {
            rows.extend(collector.families.iter().map(|desc| row(collector.name, desc, false)));
            rows.extend(collector.dynamic.iter().map(|desc| row(collector.name, desc, true)));
        }
        for (suffix, help) in [DURATION, SUCCESS, STATE, LAST_SUCCESS] {
            let labels: &[&str] = if suffix == STATE.0 { &["collector", "state"] } else { &["collector"] };
            rows.push(CatalogueRow {
                collector: "",
                family: format!("{}{suffix}", self.namespace),
                prefix: false,
                kind: Kind::Gauge.text(),
                help: help.to_owned(),
                labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            });
        }
        for Counted { name, kind, help, labels } in [STUCK, STALLS, DROPPED] {
            rows.push(CatalogueRow {
                collector: "",
                family: name.to_owned(),
                prefix: false,
                kind: kind.text(),
                help: help.to_owned(),
                labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            });
        }
        let mut page = Page::new();
        crate::build::put(&mut page, self.namespace);
        rows.extend(rows_of(&page));
        rows.sort();
        rows
    }
}

/// What a program of this name says of itself, beside its exporters' pages.
pub fn own_catalogue(program: &str) -> Vec<CatalogueRow> {
    let mut page = Page::new();
    http::put_own(program, &mut page);
    rows_of(&page)
}

/// The families of a page that was made just now.
fn rows_of(page: &Page) -> Vec<CatalogueRow> {
    let mut text = Vec::new();
    Assembly::new().write(&[page], &Options::new(Format::Text), &mut text);
    let families = parse(&text, Format::Text).unwrap_or_default();
    families
        .iter()
        .map(|family| CatalogueRow {
            collector: "",
            family: family.name.to_owned(),
            prefix: false,
            kind: family.kind.text(),
            help: family.help.as_deref().unwrap_or_default().to_owned(),
            labels: family
                .samples
                .first()
                .map(|sample| sample.labels.iter().map(|(name, _)| (*name).to_owned()).collect())
                .unwrap_or_default(),
        })
        .collect()
}

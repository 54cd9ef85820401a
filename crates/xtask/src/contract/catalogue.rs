//! What our exporters emit, as `cargo xtask catalogue` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, bail};

/// First line of the table.
const HEADER: &str = "exporter\tcollector\tfamily\ttype\tlabels";

/// A family's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; rates are meant to be taken.
    Counter,
    /// Goes both ways.
    Gauge,
    /// The source does not say; both uses are allowed.
    Untyped,
    /// Buckets, sum and count.
    Histogram,
    /// Quantiles, sum and count.
    Summary,
}

impl Kind {
    fn parse(text: &str) -> Result<Kind> {
        Ok(match text {
            "counter" => Kind::Counter,
            // An info family is a gauge of value 1 on the wire.
            "gauge" | "info" => Kind::Gauge,
            "untyped" | "unknown" => Kind::Untyped,
            "histogram" => Kind::Histogram,
            "summary" => Kind::Summary,
            other => {
                bail!("type {other:?} is none of counter, gauge, info, untyped, unknown, histogram, summary")
            }
        })
    }
}

/// One family of one collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Exporter: `node`.
    pub exporter: String,
    /// Collector: `filesystem`.
    pub collector: String,
    /// Family: `node_filesystem_size_bytes`. One that ends in `*` declares a prefix whose names only the host knows.
    pub family: String,
    /// Type as the exposition formats write it.
    pub kind: String,
    /// Label names, without those of the target.
    pub labels: Vec<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels.join(",");
        write!(f, "{}\t{}\t{}\t{}\t{labels}", self.exporter, self.collector, self.family, self.kind)
    }
}

/// The rows as a table.
pub fn to_tsv(rows: &[Row]) -> String {
    std::iter::once(HEADER.to_owned())
        .chain(rows.iter().map(Row::to_string))
        .map(|line| line + "\n")
        .collect()
}

/// All series names our exporters can emit.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    series: BTreeMap<String, (Kind, BTreeSet<String>)>,
}

impl Catalogue {
    /// Reads the table.
    pub fn from_tsv(text: &str) -> Result<Catalogue> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            bail!("catalogue: the first line must be {HEADER:?}");
        }
        let mut rows = Vec::new();
        for (number, line) in lines.enumerate() {
            let cells: Vec<&str> = line.split('\t').collect();
            let [exporter, collector, family, kind, labels] = cells[..] else {
                bail!("catalogue line {}: {} columns instead of 5", number + 2, cells.len());
            };
            rows.push(Row {
                exporter: exporter.to_owned(),
                collector: collector.to_owned(),
                family: family.to_owned(),
                kind: kind.to_owned(),
                labels: labels.split(',').filter(|l| !l.is_empty()).map(str::to_owned).collect(),
            });
        }
        Catalogue::from_rows(&rows)
    }

    /// The series these families make. Prefixes (`node_memory_*`) make none: a query is checked against names that were
    /// seen on a page, so that a typo below a prefix is found too.
    pub fn from_rows(rows: &[Row]) -> Result<Catalogue> {
        let mut catalogue = Catalogue::default();
        for row in rows.iter().filter(|row| !row.family.ends_with('*')) {
            let kind = Kind::parse(&row.kind).with_context(|| format!("catalogue: family {}", row.family))?;
            let mut add = |suffix: &str, kind: Kind, extra: Option<&str>| {
                let labels = row.labels.iter().map(String::as_str).chain(extra).map(str::to_owned);
                let entry = catalogue.series.entry(format!("{}{suffix}", row.family));
                // A family of several exporters (process_*) carries the labels of each.
                entry.or_insert_with(|| (kind, BTreeSet::new())).1.extend(labels);
            };
            match kind {
                Kind::Histogram => add("_bucket", Kind::Counter, Some("le")),
                Kind::Summary => add("", Kind::Gauge, Some("quantile")),
                plain => add("", plain, None),
            }
            if matches!(kind, Kind::Histogram | Kind::Summary) {
                add("_sum", Kind::Counter, None);
                add("_count", Kind::Counter, None);
            }
        }
        Ok(catalogue)
    }

    /// Type and own labels of a series name.
    pub fn get(&self, series: &str) -> Option<(Kind, &BTreeSet<String>)> {
        self.series.get(series).map(|(kind, labels)| (*kind, labels))
    }

    /// How many series names there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Catalogue {
        Catalogue::from_tsv(&format!("{HEADER}\n{body}")).unwrap()
    }

    #[test]
    fn histograms_and_summaries_become_their_series() {
        let catalogue = read("a\tb\tx_seconds\thistogram\tpath\na\tb\ty_seconds\tsummary\t\n");
        let (kind, labels) = catalogue.get("x_seconds_bucket").unwrap();
        assert_eq!(
            (kind, labels.iter().cloned().collect::<Vec<_>>().join(",")),
            (Kind::Counter, "le,path".into())
        );
        assert!(catalogue.get("x_seconds").is_none());
        assert!(catalogue.get("y_seconds").unwrap().1.contains("quantile"));
        assert_eq!(catalogue.get("y_seconds_count").unwrap().0, Kind::Counter);
    }

    #[test]
    fn the_table_survives_a_round_trip() {
        let text = format!("{HEADER}\nnode\tcpu\tnode_cpu_seconds_total\tcounter\tcpu,mode\n");
        let row = Row {
            exporter: "node".into(),
            collector: "cpu".into(),
            family: "node_cpu_seconds_total".into(),
            kind: "counter".into(),
            labels: vec!["cpu".into(), "mode".into()],
        };
        assert_eq!(to_tsv(&[row]), text);
        assert_eq!(Catalogue::from_tsv(&text).unwrap().len(), 1);
    }

    #[test]
    fn prefixes_are_not_series() {
        assert!(read("node\tmeminfo\tnode_memory_*\tgauge\t\n").is_empty());
    }

    #[test]
    fn bad_tables_name_the_place() {
        for (text, part) in [
            ("", "first line"),
            (&format!("{HEADER}\na\tb\n"), "line 2: 2 columns"),
            (&format!("{HEADER}\na\tb\tc\tcounterr\t\n"), "family c"),
        ] {
            let error = format!("{:#}", Catalogue::from_tsv(text).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}

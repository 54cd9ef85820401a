//! The metrics of one family: no sample twice, histograms and summaries that hold together.
//!
//! A metric is what has the same labels, `le` of buckets and `quantile` left out. An empty label value is the same as
//! no label.

use foldhash::quality::RandomState;
use hashbrown::HashMap;

use super::number::float;
use super::{Family, Rules, Sample};
use crate::assembly::Format;
use crate::family::Kind;

#[derive(Debug, Default)]
pub(super) struct Groups {
    kind: Option<Kind>,
    metrics: HashMap<Vec<u8>, Metric, RandomState>,
    /// How many metrics began.
    begun: usize,
    key: Vec<u8>,
    order: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Metric {
    /// Which metric of its family it is, from 1.
    number: usize,
    line: usize,
    /// The suffixes seen, a bit each.
    seen: u8,
    /// The upper bound and the value of the last bucket.
    bucket: Option<(f64, f64)>,
    count: Option<f64>,
}

const PLAIN: u8 = 1;
const SUM: u8 = 2;
const COUNT: u8 = 4;
const CREATED: u8 = 8;

impl Groups {
    /// Whether `sample` may stand in its family after those that were added.
    pub(super) fn add(
        &mut self,
        family: &Family<'_>,
        sample: &Sample<'_>,
        rules: Rules,
    ) -> Result<(), String> {
        let own = own_label(family.kind, sample.suffix);
        let bound = own.map(|own| bound(own, sample, rules)).transpose()?;
        check_value(family.kind, sample, rules)?;
        if rules.lenient {
            return Ok(());
        }
        self.kind = Some(family.kind);
        if let (Some(own @ "quantile"), Some(bound)) = (own, bound) {
            self.write_key(sample, Some(own), Some(bound));
            if self.metrics.insert(self.key.clone(), Metric::default()).is_some() {
                return Err(format!("a second sample with these labels and the quantile {bound}"));
            }
        }
        self.write_key(sample, own, None);
        let begun = self.begun;
        let new = || Metric { number: begun + 1, ..Metric::default() };
        let metric = self.metrics.entry_ref(self.key.as_slice()).or_insert_with(new);
        if metric.number > begun {
            self.begun += 1;
        } else if rules.format == Format::OpenMetrics && metric.number < begun {
            return Err("samples of another metric stand between those of this one".to_owned());
        }
        if own == Some("quantile") {
            return Ok(());
        }
        metric.line = sample.line;
        if let ("_bucket", Some(bound)) = (sample.suffix, bound) {
            return metric.bucket(bound, sample.value);
        }
        let bit = match sample.suffix {
            "_sum" => SUM,
            "_count" => COUNT,
            "_created" => CREATED,
            _ => PLAIN,
        };
        if metric.seen & bit != 0 {
            return Err("a second sample with these labels".to_owned());
        }
        metric.seen |= bit;
        if bit == COUNT {
            metric.count = Some(sample.value);
        }
        Ok(())
    }

    /// The family is complete.
    pub(super) fn close(&mut self, rules: Rules) -> Result<(), (usize, String)> {
        let histogram = self.kind == Some(Kind::Histogram) && !rules.lenient;
        let broken = self.metrics.values().filter(|_| histogram);
        let broken = broken.filter_map(|metric| Some((metric.line, metric.incomplete()?)));
        // The first on the page, so that the message does not depend on the table's order.
        let first = broken.min_by_key(|(line, _)| *line);
        self.kind = None;
        // Clearing costs what the table once held, which many small families after a large one must not pay for.
        if self.metrics.capacity() > 64 + 8 * self.metrics.len() {
            self.metrics = HashMap::default();
        }
        self.metrics.clear();
        self.begun = 0;
        match first {
            Some((line, problem)) => Err((line, problem.to_owned())),
            None => Ok(()),
        }
    }

    /// The labels without `without`, sorted, each text with its length before it; before them the quantile, where it
    /// is part of what must be unique.
    fn write_key(&mut self, sample: &Sample<'_>, without: Option<&str>, quantile: Option<f64>) {
        self.key.clear();
        self.key.push(u8::from(quantile.is_some()));
        self.key.extend(quantile.into_iter().flat_map(|bound| (bound + 0.0).to_le_bytes()));
        self.order.clear();
        self.order.extend(0..sample.labels.len() as u32);
        self.order.sort_unstable_by_key(|&at| sample.labels[at as usize].0);
        for &at in &self.order {
            let (name, value) = &sample.labels[at as usize];
            if value.is_empty() || without == Some(*name) {
                continue;
            }
            for text in [name.as_bytes(), value.as_bytes()] {
                self.key.extend_from_slice(&text.len().to_le_bytes());
                self.key.extend_from_slice(text);
            }
        }
    }
}

impl Metric {
    fn bucket(&mut self, bound: f64, value: f64) -> Result<(), String> {
        if let Some((last, below)) = self.bucket {
            if bound <= last {
                return Err(format!("the bucket of {bound} comes after the one of {last}: bounds rise"));
            }
            if value < below {
                return Err(format!(
                    "the bucket of {bound} holds {value}, less than the one before: {below}"
                ));
            }
        }
        self.bucket = Some((bound, value));
        Ok(())
    }

    fn incomplete(&self) -> Option<&'static str> {
        match (self.bucket, self.count) {
            (Some((f64::INFINITY, all)), Some(count)) if all != count => {
                Some("the histogram's bucket of +Inf differs from its count")
            }
            (Some((f64::INFINITY, _)), _) => None,
            _ => Some("the histogram has no bucket of +Inf as its last"),
        }
    }
}

/// The label that belongs to the sample, not to the metric.
fn own_label(kind: Kind, suffix: &str) -> Option<&'static str> {
    match (kind, suffix) {
        (Kind::Histogram, "_bucket") => Some("le"),
        (Kind::Summary, "") => Some("quantile"),
        _ => None,
    }
}

fn bound(label: &str, sample: &Sample<'_>, rules: Rules) -> Result<f64, String> {
    // promtool lets the label be missing and then loses the value.
    let text = sample.label(label).ok_or_else(|| format!("expected a label {label}"))?;
    let bound = float(text.as_bytes());
    let bound = bound.ok_or_else(|| format!("expected a float in the label {label}, found {text:?}"))?;
    // promtool takes NaN, which is no bound of anything; quantiles above 1 exist (percentiles of redis_exporter).
    let outside = label == "quantile" && rules.format == Format::OpenMetrics && !(0.0..=1.0).contains(&bound);
    if !rules.lenient && (bound.is_nan() || outside) {
        return Err(format!("{bound} cannot be the {label} of anything"));
    }
    Ok(bound)
}

/// What the kind says of its values.
fn check_value(kind: Kind, sample: &Sample<'_>, rules: Rules) -> Result<(), String> {
    let value = sample.value;
    let counts = matches!((kind, sample.suffix), (Kind::Histogram, "_bucket" | "_count"));
    if counts && value < 0.0 {
        return Err(format!("a histogram cannot have counted {value}"));
    }
    if rules.format == Format::Text {
        return Ok(());
    }
    match (kind, sample.suffix) {
        (Kind::Histogram, "_bucket" | "_count") | (Kind::Summary, "_count") | (Kind::Counter, "_total")
            if value.is_nan() || value < 0.0 =>
        {
            Err(format!("a counter cannot be {value}"))
        }
        (Kind::Info, _) if value != 1.0 => Err(format!("an info's value is 1, found {value}")),
        _ => Ok(()),
    }
}

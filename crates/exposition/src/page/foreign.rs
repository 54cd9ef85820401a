//! Families that somebody else named: a file, a query, another library.

use std::borrow::Cow;

use super::label_set::LabelSet;
use super::{LabelText, NONE, Page, Part};
use crate::assembly::Format;
use crate::family::{Kind, is_label_name, is_metric_name};
use crate::label::LabelValue;
use crate::parse::{self, suffix::suffixes};

/// Why a family of a user's or a server's naming cannot stand on a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForeignError {
    /// The metric name is outside `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    MetricName,
    /// A label name is outside `[a-zA-Z_][a-zA-Z0-9_]*`, or is `__name__`.
    LabelName,
    /// A label name comes twice in one sample.
    LabelTwice,
    /// The family's kind has no samples with this suffix.
    Suffix,
}

impl std::fmt::Display for ForeignError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ForeignError::MetricName => "invalid metric name",
            ForeignError::LabelName => "invalid label name",
            ForeignError::LabelTwice => "a label name twice in one sample",
            ForeignError::Suffix => "the family's type has no samples with this suffix",
        })
    }
}

impl std::error::Error for ForeignError {}

/// An opened family of foreign name; see [`Page::foreign`].
#[derive(Debug)]
pub struct ForeignFamily<'a> {
    page: &'a mut Page,
    kind: Kind,
}

impl Page {
    /// Opens a family that somebody else named: a file, a query, another library.
    ///
    /// # Errors
    /// [`ForeignError::MetricName`] where the name could not stand on a page.
    pub fn foreign(&mut self, name: &str, kind: Kind, help: &str) -> Result<ForeignFamily<'_>, ForeignError> {
        if !is_metric_name(name) {
            return Err(ForeignError::MetricName);
        }
        self.open_foreign(name, kind, help);
        Ok(ForeignFamily { page: self, kind })
    }

    /// Puts a parsed family, all of it or, on an error, nothing. Its samples' times are left out, as no page has any;
    /// an OpenMetrics counter or info gets its whole name back and loses `_created`.
    ///
    /// # Errors
    /// As those of [`Page::foreign`] and [`ForeignFamily::put`]; none where the family came from the parser.
    pub fn put_parsed(&mut self, family: &parse::Family<'_>) -> Result<(), ForeignError> {
        let moved = |suffix| family.samples.iter().any(|sample| sample.suffix == suffix);
        let ending = match family.kind {
            Kind::Counter if moved("_total") => "_total",
            Kind::Info if moved("_info") => "_info",
            _ => "",
        };
        let name = match ending {
            "" => Cow::Borrowed(family.name),
            ending => Cow::Owned(format!("{}{ending}", family.name)),
        };
        // All is checked before anything is put.
        for sample in &family.samples {
            let labels = sample.labels.iter().map(|(name, _)| *name);
            check_labels(labels.collect())?;
            if sample.suffix != ending && sample.suffix != "_created" {
                part(family.kind, sample.suffix)?;
            }
        }
        let mut open = self.foreign(&name, family.kind, family.help.as_deref().unwrap_or_default())?;
        for sample in family.samples.iter().filter(|sample| sample.suffix != "_created") {
            let suffix = if sample.suffix == ending { "" } else { sample.suffix };
            let labels = sample.labels.iter().map(|(name, value)| (*name, value as &dyn LabelValue));
            open.put(suffix, labels, sample.value)?;
        }
        Ok(())
    }
}

impl ForeignFamily<'_> {
    /// Puts one sample with the labels of a [set](Page::label_set) of this page.
    pub fn put_set(&mut self, set: LabelSet, value: f64) {
        if self.page.holds(&set) {
            self.page.put_open(LabelText::plain(set.text), Part::Plain, value);
        } else {
            self.page.refused += 1;
        }
    }

    /// Puts one sample. `suffix` is `_bucket`, `_sum`, `_count` or empty; `le` and `quantile` are ordinary labels here.
    /// Labels are written in the order of their names, so that the same sample in another order is seen to be the same;
    /// `le` and `quantile` come last, where the peers write them.
    ///
    /// # Errors
    /// A label name or a suffix that cannot stand there; the sample is not put.
    pub fn put<'l>(
        &mut self,
        suffix: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l dyn LabelValue)>,
        value: f64,
    ) -> Result<(), ForeignError> {
        let part = part(self.kind, suffix)?;
        let mut labels: Vec<_> = labels.into_iter().collect();
        check_labels(labels.iter().map(|(name, _)| *name).collect())?;
        let own = match (self.kind, part) {
            (_, Part::Bucket) => "le",
            (Kind::Summary, Part::Plain) => "quantile",
            _ => "",
        };
        labels.sort_unstable_by_key(|(name, _)| (*name == own, *name));
        if self.page.open == NONE {
            self.page.refused += 1;
            return Ok(());
        }
        let start = self.page.text.len();
        for (at, (name, label)) in labels.iter().enumerate() {
            self.page.label_name(at == 0, name);
            label.write_escaped(&mut self.page.text);
        }
        self.page.finish(start, labels.is_empty(), part, value);
        Ok(())
    }
}

fn part(kind: Kind, suffix: &str) -> Result<Part, ForeignError> {
    if !suffixes(kind, Format::Text).contains(&suffix) {
        return Err(ForeignError::Suffix);
    }
    Ok(match suffix {
        "_bucket" => Part::Bucket,
        "_sum" => Part::Sum,
        "_count" => Part::Count,
        _ => Part::Plain,
    })
}

fn check_labels(mut names: Vec<&str>) -> Result<(), ForeignError> {
    if names.iter().any(|name| !is_label_name(name) || *name == "__name__") {
        return Err(ForeignError::LabelName);
    }
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) { Err(ForeignError::LabelTwice) } else { Ok(()) }
}

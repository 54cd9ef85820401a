//! Families that somebody else named: a file, a query, another library.

use std::borrow::Cow;

use super::{FamilyRef, Page, Part, Run};
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
        if self.last_name() != Some(name.as_bytes()) {
            let start = self.text.len();
            self.text.extend_from_slice(name.as_bytes());
            let name = self.span_from(start);
            let start = self.text.len();
            self.text.extend_from_slice(help.as_bytes());
            let help = self.span_from(start);
            let family = FamilyRef::Named { name, help, kind };
            self.runs.push(Run { family, first: self.samples.len() as u32 });
        }
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
        let before = (self.text.len(), self.runs.len(), self.samples.len(), self.refused);
        let put = self.put_all(&name, ending, family);
        if put.is_err() {
            self.text.truncate(before.0);
            self.runs.truncate(before.1);
            self.samples.truncate(before.2);
            self.refused = before.3;
        }
        put
    }

    fn put_all(&mut self, name: &str, ending: &str, family: &parse::Family<'_>) -> Result<(), ForeignError> {
        let mut open = self.foreign(name, family.kind, family.help.as_deref().unwrap_or_default())?;
        for sample in family.samples.iter().filter(|sample| sample.suffix != "_created") {
            let suffix = if sample.suffix == ending { "" } else { sample.suffix };
            let labels = sample.labels.iter().map(|(name, value)| (*name, value as &dyn LabelValue));
            open.put(suffix, labels, sample.value)?;
        }
        Ok(())
    }
}

impl ForeignFamily<'_> {
    /// Puts one sample. `suffix` is `_bucket`, `_sum`, `_count` or empty; `le` and `quantile` are ordinary labels here.
    ///
    /// # Errors
    /// A label name or a suffix that cannot stand there; the sample is not put.
    pub fn put<'l>(
        &mut self,
        suffix: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l dyn LabelValue)>,
        value: f64,
    ) -> Result<(), ForeignError> {
        if !suffixes(self.kind, Format::Text).contains(&suffix) {
            return Err(ForeignError::Suffix);
        }
        let part = match suffix {
            "_bucket" => Part::Bucket,
            "_sum" => Part::Sum,
            "_count" => Part::Count,
            _ => Part::Plain,
        };
        let start = self.page.text.len();
        let written = self.write_labels(labels);
        if written.is_err() {
            self.page.text.truncate(start);
        } else {
            self.page.finish(start, part, value);
        }
        written
    }

    fn write_labels<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l dyn LabelValue)>,
    ) -> Result<(), ForeignError> {
        let mut names = Vec::new();
        for (name, label) in labels {
            if !is_label_name(name) || name == "__name__" {
                return Err(ForeignError::LabelName);
            }
            self.page.label_name(names.is_empty(), name);
            label.write_escaped(&mut self.page.text);
            self.page.text.push(b'"');
            names.push(name);
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) { Err(ForeignError::LabelTwice) } else { Ok(()) }
    }
}

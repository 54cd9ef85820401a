//! A page: a flat arena of samples, filled by one source and encoded only at assembly.
//!
//! Samples lie in the order in which they were put; a run is a stretch of them that belongs to one family. Opening a
//! family again later is fine, the assembly brings the runs together. Label values are escaped when they are put, the
//! rest is text only when it is written. All buffers keep their capacity, so a page that is filled again and again
//! stops allocating.

mod foreign;

use crate::family::{Desc, Dynamic, Family, Kind, is_label_name};
use crate::label::LabelValue;
use crate::value::{SampleValue, write_value};
pub use foreign::{ForeignError, ForeignFamily};

/// Label text above this is refused, so that an arena offset always fits 32 bits.
const MAX_TEXT: usize = 1 << 28;

/// Samples, grouped in runs by family.
#[derive(Debug, Default)]
pub struct Page {
    text: Vec<u8>,
    runs: Vec<Run>,
    samples: Vec<Sample>,
    refused: u64,
    /// Counts how often the page was cleared.
    fill: u32,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    family: FamilyRef,
    first: u32,
}

#[derive(Clone, Copy, Debug)]
enum FamilyRef {
    Declared(&'static Desc),
    Named { name: Span, help: Span, kind: Kind },
}

#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    len: u32,
}

/// One value with its label text, e.g. `device="eth0",mode="x"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    labels: Span,
    pub(crate) value: f64,
    pub(crate) part: Part,
}

/// Which line of its family a sample is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Plain,
    Bucket,
    Sum,
    Count,
}

impl Part {
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Part::Plain => "",
            Part::Bucket => "_bucket",
            Part::Sum => "_sum",
            Part::Count => "_count",
        }
    }
}

/// Labels that many samples of one page carry, written once; see [`Page::label_set`].
#[derive(Clone, Copy, Debug)]
pub struct LabelSet {
    text: Span,
    /// Tells a set of a page that was cleared since.
    fill: u32,
}

/// A family as it stands on a page.
#[derive(Clone, Copy, Debug)]
pub struct FamilyHead<'a> {
    /// The whole name.
    pub name: &'a str,
    /// The help text, unescaped.
    pub help: &'a str,
    /// The metric type.
    pub kind: Kind,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the page and keeps its buffers, unless they have grown far beyond what was used.
    pub fn clear(&mut self) {
        if self.text.capacity() > 1 << 16 && self.text.len() < self.text.capacity() / 4 {
            self.text.shrink_to(self.text.len() * 2);
            self.samples.shrink_to(self.samples.len() * 2);
        }
        self.text.clear();
        self.runs.clear();
        self.samples.clear();
        self.refused = 0;
        self.fill = self.fill.wrapping_add(1);
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Samples that were refused because the page was full.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Puts one sample. The number of label values is the family's, which the compiler checks.
    pub fn put<const N: usize>(
        &mut self,
        family: &'static Family<N>,
        labels: [&dyn LabelValue; N],
        value: impl SampleValue,
    ) {
        self.open(family.desc());
        self.sample(family.desc().labels, &labels, None, Part::Plain, value.to_f64());
    }

    /// Writes labels that many samples have in common: one text on the page, whatever their number. They extend `base`, an
    /// earlier set. The set is good until the page is cleared, which a commit does.
    ///
    /// # Errors
    /// [`ForeignError::LabelName`] for the first name that could not stand on a page.
    pub fn label_set<'l>(
        &mut self,
        base: Option<LabelSet>,
        labels: impl IntoIterator<Item = (&'l str, &'l dyn LabelValue)>,
    ) -> Result<LabelSet, ForeignError> {
        let start = self.text.len();
        if let Some(Span { at, len }) = base.filter(|base| self.holds(base)).map(|base| base.text) {
            self.text.extend_from_within(at as usize..(at + len) as usize);
        }
        for (name, label) in labels {
            if !is_label_name(name) {
                self.text.truncate(start);
                return Err(ForeignError::LabelName);
            }
            self.label_name(self.text.len() == start, name);
            label.write_escaped(&mut self.text);
            self.text.push(b'"');
        }
        if self.text.len() > MAX_TEXT {
            self.text.truncate(start);
        }
        Ok(LabelSet { text: self.span_from(start), fill: self.fill })
    }

    /// Puts one sample with the labels of a set, which stand for those of the declaration: one that has no value may be
    /// left out.
    pub fn put_set<const N: usize>(
        &mut self,
        family: &'static Family<N>,
        set: LabelSet,
        value: impl SampleValue,
    ) {
        if !self.holds(&set) {
            self.refused += 1;
            return;
        }
        self.open(family.desc());
        self.samples.push(Sample { labels: set.text, value: value.to_f64(), part: Part::Plain });
    }

    fn holds(&self, set: &LabelSet) -> bool {
        set.fill == self.fill && (set.text.at + set.text.len) as usize <= self.text.len()
    }

    /// Puts one sample of a family whose name is known now: prefix + `name` + suffix. Characters that no metric name
    /// may hold become `_`.
    pub fn put_dynamic<const N: usize>(
        &mut self,
        family: &'static Dynamic<N>,
        name: &[u8],
        labels: [&dyn LabelValue; N],
        value: impl SampleValue,
    ) {
        let start = self.text.len();
        self.text.extend_from_slice(family.desc().name.as_bytes());
        self.text.extend(name.iter().map(|&byte| {
            if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' { byte } else { b'_' }
        }));
        self.text.extend_from_slice(family.suffix.as_bytes());
        let whole = self.span_from(start);
        if self.last_name() == Some(self.bytes(whole)) {
            self.text.truncate(start);
        } else {
            let help = self.text.len();
            match family.desc().help.split_once("{}") {
                Some((before, after)) => {
                    self.text.extend_from_slice(before.as_bytes());
                    self.text.extend_from_slice(String::from_utf8_lossy(name).as_bytes());
                    self.text.extend_from_slice(after.as_bytes());
                }
                None => self.text.extend_from_slice(family.desc().help.as_bytes()),
            }
            let help = self.span_from(help);
            let family = FamilyRef::Named { name: whole, help, kind: family.desc().kind };
            self.runs.push(Run { family, first: self.samples.len() as u32 });
        }
        self.sample(family.desc().labels, &labels, None, Part::Plain, value.to_f64());
    }

    /// Puts a histogram: `buckets` are (upper bound, cumulative count) in rising order, without `+Inf`, which gets
    /// `count`.
    pub fn histogram<const N: usize>(
        &mut self,
        family: &'static Family<N>,
        labels: [&dyn LabelValue; N],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
    ) {
        self.open(family.desc());
        let names = family.desc().labels;
        for (bound, below) in buckets.into_iter().chain([(f64::INFINITY, count)]) {
            self.sample(names, &labels, Some(("le", bound)), Part::Bucket, below as f64);
        }
        self.sample(names, &labels, None, Part::Sum, sum);
        self.sample(names, &labels, None, Part::Count, count as f64);
    }

    /// Puts a summary: `quantiles` are (quantile, value).
    pub fn summary<const N: usize>(
        &mut self,
        family: &'static Family<N>,
        labels: [&dyn LabelValue; N],
        quantiles: impl IntoIterator<Item = (f64, f64)>,
        count: u64,
        sum: f64,
    ) {
        self.open(family.desc());
        let names = family.desc().labels;
        for (quantile, value) in quantiles {
            self.sample(names, &labels, Some(("quantile", quantile)), Part::Plain, value);
        }
        self.sample(names, &labels, None, Part::Sum, sum);
        self.sample(names, &labels, None, Part::Count, count as f64);
    }

    /// Appends all of `other`, e.g. what was filled since the last commit.
    pub fn append(&mut self, other: &Page) {
        if self.text.len() + other.text.len() > MAX_TEXT {
            self.refused += other.samples.len() as u64 + other.refused;
            return;
        }
        let (text, first) = (self.text.len() as u32, self.samples.len() as u32);
        let moved = |span: Span| Span { at: span.at + text, len: span.len };
        self.text.extend_from_slice(&other.text);
        self.runs.extend(other.runs.iter().map(|run| Run {
            family: match run.family {
                FamilyRef::Declared(desc) => FamilyRef::Declared(desc),
                FamilyRef::Named { name, help, kind } => {
                    FamilyRef::Named { name: moved(name), help: moved(help), kind }
                }
            },
            first: run.first + first,
        }));
        self.samples.extend(other.samples.iter().map(|s| Sample { labels: moved(s.labels), ..*s }));
        self.refused += other.refused;
    }

    /// The families in the order in which they were opened; one may come more than once.
    pub fn families(&self) -> impl Iterator<Item = FamilyHead<'_>> {
        (0..self.runs.len()).map(|run| self.head(run))
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn head(&self, run: usize) -> FamilyHead<'_> {
        match self.runs[run].family {
            FamilyRef::Declared(desc) => FamilyHead { name: desc.name, help: desc.help, kind: desc.kind },
            FamilyRef::Named { name, help, kind } => {
                FamilyHead { name: self.str(name), help: self.str(help), kind }
            }
        }
    }

    /// The name of a run's family; cheaper than its head where the rest is not needed.
    pub(crate) fn name(&self, run: usize) -> &[u8] {
        match self.runs[run].family {
            FamilyRef::Declared(desc) => desc.name.as_bytes(),
            FamilyRef::Named { name, .. } => self.bytes(name),
        }
    }

    pub(crate) fn run_samples(&self, run: usize) -> &[Sample] {
        let end = self.runs.get(run + 1).map_or(self.samples.len(), |next| next.first as usize);
        &self.samples[self.runs[run].first as usize..end]
    }

    pub(crate) fn label_text(&self, sample: &Sample) -> &[u8] {
        self.bytes(sample.labels)
    }

    fn open(&mut self, desc: &'static Desc) {
        if let Some(Run { family: FamilyRef::Declared(last), .. }) = self.runs.last()
            && std::ptr::eq(*last, desc)
        {
            return;
        }
        self.runs.push(Run { family: FamilyRef::Declared(desc), first: self.samples.len() as u32 });
    }

    fn last_name(&self) -> Option<&[u8]> {
        self.runs.len().checked_sub(1).map(|last| self.name(last))
    }

    fn sample(
        &mut self,
        names: &[&str],
        values: &[&dyn LabelValue],
        extra: Option<(&str, f64)>,
        part: Part,
        value: f64,
    ) {
        let start = self.text.len();
        for (at, (name, label)) in names.iter().zip(values).enumerate() {
            self.label_name(at == 0, name);
            label.write_escaped(&mut self.text);
            self.text.push(b'"');
        }
        if let Some((name, bound)) = extra {
            self.label_name(names.is_empty(), name);
            write_value(bound, &mut self.text);
            self.text.push(b'"');
        }
        self.finish(start, part, value);
    }

    fn label_name(&mut self, first: bool, name: &str) {
        if !first {
            self.text.push(b',');
        }
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"=\"");
    }

    fn finish(&mut self, start: usize, part: Part, value: f64) {
        if self.text.len() > MAX_TEXT {
            self.text.truncate(start);
            self.refused += 1;
            return;
        }
        let labels = self.span_from(start);
        self.samples.push(Sample { labels, value, part });
    }

    fn span_from(&self, start: usize) -> Span {
        Span { at: start as u32, len: (self.text.len() - start) as u32 }
    }

    fn bytes(&self, span: Span) -> &[u8] {
        &self.text[span.at as usize..(span.at + span.len) as usize]
    }

    fn str(&self, span: Span) -> &str {
        std::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }
}

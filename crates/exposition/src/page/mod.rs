//! A page: a flat arena of samples, filled by one source and encoded only at assembly.
//!
//! Samples lie in the order in which they were put; a run is a stretch of them that belongs to one family, and a
//! family's runs are chained. Label text is put as it will be written, escapes, braces and all, so that a sample's line
//! is its name, a copy of that text and the value. All buffers keep their capacity, so a page that is filled again and
//! again stops allocating.

mod append;
mod bounds;
mod families;
mod foreign;
mod label_set;
mod samples;

use hashbrown::HashTable;
use std::borrow::Cow;
use std::hash::BuildHasher as _;

use crate::family::{Desc, Dynamic, Family, Kind};
use crate::label::LabelValue;
use crate::value::SampleValue;
use bounds::Bounds;
pub use foreign::{ForeignError, ForeignFamily};
pub use label_set::{LabelSet, Labels};

/// Text above this is refused, and samples beyond this many, so that an arena offset fits 32 bits.
const MAX_TEXT: usize = 1 << 28;

/// What follows the last label value.
pub(crate) const END: &[u8] = b"\"} ";

/// No run, no family.
const NONE: u32 = u32::MAX;

/// Samples, grouped in runs by family.
#[derive(Debug)]
pub struct Page {
    text: Vec<u8>,
    families: Vec<Entry>,
    /// Families by the hash of what they are known by.
    by_hash: HashTable<(u64, u32)>,
    hasher: foldhash::quality::RandomState,
    runs: Vec<Run>,
    samples: Vec<Sample>,
    bounds: Bounds,
    refused: u64,
    /// The family to which the next sample belongs; none where the page is full.
    open: u32,
    recent: Recent,
    max_text: usize,
    /// Another number after each clearing, and on each page.
    fill: u64,
}

/// A family on this page.
#[derive(Clone, Copy, Debug)]
struct Entry {
    family: FamilyRef,
    first_run: u32,
    last_run: u32,
}

#[derive(Clone, Copy, Debug)]
enum FamilyRef {
    Declared(&'static Desc),
    /// `dynamic` is the declaration of the name's prefix, if there is one.
    Named {
        name: Span,
        help: Span,
        kind: Kind,
        dynamic: Option<&'static Desc>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Run {
    family: u32,
    first: u32,
    /// The next run of the same family.
    next: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    at: u32,
    len: u32,
}

/// One value with its label text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) labels: LabelText,
    pub(crate) value: f64,
    pub(crate) part: Part,
}

/// Where a sample's label text is, e.g. `{device="eth0",mode="x"} `: all that is between name and value. A bound stands apart
/// from the labels before it, which its whole histogram has, as other histograms have the bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LabelText {
    common: Span,
    /// Its place among the bounds of the page, if there is one.
    bound: u32,
}

impl LabelText {
    fn plain(common: Span) -> Self {
        Self { common, bound: NONE }
    }

    /// Whether these are of one histogram or summary, so that they differ by their bounds at most.
    pub(crate) fn is_beside(self, other: LabelText) -> bool {
        self.common == other.common
    }
}

/// Which line of its family a sample is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
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

/// The same as bytes: what is only compared and copied need not be checked to be UTF-8 at each scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawHead<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) help: &'a [u8],
    pub(crate) kind: Kind,
}

/// How much of each buffer was in use lately.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    text: usize,
    families: usize,
    runs: usize,
    samples: usize,
}

impl Default for Page {
    fn default() -> Self {
        let hasher = foldhash::quality::RandomState::default();
        Self {
            fill: hasher.hash_one(()),
            text: Vec::new(),
            families: Vec::new(),
            by_hash: HashTable::new(),
            hasher,
            runs: Vec::new(),
            samples: Vec::new(),
            bounds: Bounds::default(),
            refused: 0,
            open: NONE,
            recent: Recent::default(),
            max_text: MAX_TEXT,
        }
    }
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the page and keeps its buffers, unless they have long been far larger than what is used.
    pub fn clear(&mut self) {
        crate::memory::clear(&mut self.text, &mut self.recent.text);
        crate::memory::clear(&mut self.runs, &mut self.recent.runs);
        crate::memory::clear(&mut self.samples, &mut self.recent.samples);
        if crate::memory::clear(&mut self.families, &mut self.recent.families) {
            self.by_hash = HashTable::new();
        }
        self.by_hash.clear();
        self.bounds.clear();
        self.refused = 0;
        self.open = NONE;
        self.fill = self.fill.wrapping_add(1);
    }

    /// Gives the sample that was put as this one, counted from 0, another value.
    pub fn set_value(&mut self, sample: usize, value: f64) {
        if let Some(sample) = self.samples.get_mut(sample) {
            sample.value = value;
        }
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
        self.open_declared(family.desc());
        self.sample(family.desc().labels, &labels, value.to_f64());
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
        self.open_dynamic(family.desc(), family.suffix, family.hole, name);
        self.sample(family.desc().labels, &labels, value.to_f64());
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
        self.open_declared(family.desc());
        let bounds = buckets.into_iter().chain([(f64::INFINITY, count)]);
        let bounds = bounds.map(|(bound, below)| (bound, below as f64));
        self.metric((family.desc().labels, &labels), bounds, Part::Bucket, (sum, count as f64));
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
        self.open_declared(family.desc());
        let quantiles = quantiles.into_iter();
        self.metric((family.desc().labels, &labels), quantiles, Part::Plain, (sum, count as f64));
    }

    /// The families in the order in which they were first opened.
    pub fn families(&self) -> impl ExactSizeIterator<Item = FamilyHead<'_>> {
        (0..self.families.len()).map(|family| self.head(family))
    }

    /// The values of one of them, as it is known by [`Page::families`].
    pub fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        let own: Vec<_> = (0..self.families.len()).filter(|at| self.name(*at) == name.as_bytes()).collect();
        own.into_iter().flat_map(|at| self.runs_of(at)).flatten().map(|sample| sample.value)
    }

    pub(crate) fn head(&self, family: usize) -> FamilyHead<'_> {
        let RawHead { name, help, kind } = self.raw_head(family);
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        FamilyHead { name: text(name), help: text(help), kind }
    }

    pub(crate) fn raw_head(&self, family: usize) -> RawHead<'_> {
        match self.families[family].family {
            FamilyRef::Declared(desc) => {
                RawHead { name: desc.name.as_bytes(), help: desc.help.as_bytes(), kind: desc.kind }
            }
            FamilyRef::Named { name, help, kind, .. } => {
                RawHead { name: self.bytes(name), help: self.bytes(help), kind }
            }
        }
    }

    pub(crate) fn name(&self, family: usize) -> &[u8] {
        match self.families[family].family {
            FamilyRef::Declared(desc) => desc.name.as_bytes(),
            FamilyRef::Named { name, .. } => self.bytes(name),
        }
    }

    /// The stretches of samples of a family.
    pub(crate) fn runs_of(&self, family: usize) -> impl Iterator<Item = &[Sample]> {
        let mut at = self.families[family].first_run;
        std::iter::from_fn(move || {
            let run = self.runs.get(at as usize)?;
            let samples = self.run(at as usize);
            at = run.next;
            Some(samples)
        })
    }

    fn run(&self, at: usize) -> &[Sample] {
        let end = self.runs.get(at + 1).map_or(self.samples.len(), |next| next.first as usize);
        &self.samples[self.runs[at].first as usize..end]
    }

    pub(crate) fn text_of(&self, labels: LabelText) -> Cow<'_, [u8]> {
        match self.bound_of(labels) {
            None => Cow::Borrowed(self.bytes(labels.common)),
            Some((_, bound)) => {
                let [labels, next] = self.stem(labels);
                Cow::Owned([labels, next, bound].concat())
            }
        }
    }

    /// The same without a bound.
    pub(crate) fn common_text(&self, labels: LabelText) -> &[u8] {
        self.bytes(labels.common)
    }

    /// The bound and what is written of it, e.g. `le="16"} `.
    pub(crate) fn bound_of(&self, labels: LabelText) -> Option<(f64, &[u8])> {
        let (value, text) = self.bounds.get(labels.bound)?;
        Some((value, self.bytes(text)))
    }

    /// What stands before a bound, e.g. `{device="eth0",`, in two pieces.
    pub(crate) fn stem(&self, labels: LabelText) -> [&[u8]; 2] {
        match self.bytes(labels.common).strip_suffix(END) {
            Some(labels) => [labels, b"\","],
            None => [b"", b"{"],
        }
    }

    fn span_from(&self, start: usize) -> Span {
        Span { at: start as u32, len: (self.text.len() - start) as u32 }
    }

    fn bytes(&self, span: Span) -> &[u8] {
        &self.text[span.at as usize..][..span.len as usize]
    }
}

#[cfg(test)]
mod tests;

//! Bringing the samples of each family together, from any number of pages, and writing them once.
//!
//! Families come out sorted by name. What would make the page invalid is left out and counted: a second sample with
//! the same labels, a family that two sources type differently or whose name another one's samples have, series beyond
//! the cap.

mod names;
mod seen;

use crate::family::Kind;
use crate::page::{Page, Part, Sample};
use crate::write::{self, Lines};
pub(crate) use names::Form;
use seen::{Check, Seen};

/// The format of the page.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// Prometheus text 0.0.4, which every peer serves.
    #[default]
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The value of the Content-Type header, without which Prometheus 3 refuses a page.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            Format::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
        }
    }
}

/// Where a page is written.
pub trait Output {
    /// What is written is appended here.
    fn text(&mut self) -> &mut Vec<u8>;

    /// Nothing of the text so far will be looked at or changed. Comes at least once a family, and behind whole lines.
    fn settled(&mut self) {}
}

impl Output for Vec<u8> {
    fn text(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// How to write a page.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The format.
    pub format: Format,
    /// Samples of one family beyond this many are dropped and counted. A histogram or summary is written as a whole or
    /// not at all.
    pub family_cap: usize,
    /// Which families to write, by their whole name.
    pub names: Option<&'a dyn Fn(&str) -> bool>,
}

impl Options<'_> {
    /// Everything, in this format.
    pub fn new(format: Format) -> Self {
        Self { format, family_cap: usize::MAX, names: None }
    }
}

/// Why samples were left out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// The family was at its cap.
    Cap,
    /// A sample with the same labels stood there already.
    Duplicate,
    /// Another source gave the family another type.
    TypeConflict,
    /// A histogram or summary has samples of the family's name.
    NameClash,
    /// The page was full.
    PageFull,
}

impl Reason {
    /// The reason as a label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Cap => "family_cap",
            Reason::Duplicate => "duplicate",
            Reason::TypeConflict => "type_conflict",
            Reason::NameClash => "name_clash",
            Reason::PageFull => "page_full",
        }
    }
}

/// Samples of one family that were left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dropped {
    /// The family's name.
    pub family: String,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub samples: u64,
}

/// What was written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Written {
    /// Families with at least one sample.
    pub families: usize,
    /// Samples.
    pub samples: usize,
    /// What was left out; empty on a healthy page.
    pub dropped: Vec<Dropped>,
}

impl Written {
    #[inline]
    fn drop(&mut self, family: &[u8], reason: Reason, samples: usize) {
        if samples > 0 {
            let family = String::from_utf8_lossy(family).into_owned();
            self.dropped.push(Dropped { family, reason, samples: samples as u64 });
        }
    }
}

/// Reusable scratch space for writing pages.
#[derive(Debug, Default)]
pub struct Assembly {
    order: Vec<Entry>,
    /// The families as they stood on the pages before they were sorted.
    found: Vec<Entry>,
    recent: usize,
    seen: Seen,
}

/// A family on one of the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    page: u32,
    family: u32,
}

impl Assembly {
    /// Empty scratch space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes all samples of `pages` to `out`, one block a family.
    pub fn write(&mut self, pages: &[&Page], options: &Options<'_>, out: &mut dyn Output) -> Written {
        let mut written = Written::default();
        self.sort(pages, options);
        let mut rest = self.order.as_slice();
        while let Some(first) = rest.first() {
            let name = first.name(pages);
            let len = rest.iter().take_while(|entry| entry.name(pages) == name).count();
            let (entries, others) = rest.split_at(len);
            rest = others;
            let block = Block { pages, entries, options, out };
            block.write(&self.order, &mut self.seen, &mut written);
            out.settled();
        }
        for page in pages {
            written.drop(b"", Reason::PageFull, page.refused() as usize);
        }
        if options.format == Format::OpenMetrics {
            out.text().extend_from_slice(b"# EOF\n");
        }
        self.seen.end();
        written
    }

    /// Families by name, those of one name in the order of the pages.
    fn sort(&mut self, pages: &[&Page], options: &Options<'_>) {
        let mut same = 0;
        let mut count = 0;
        for (at, page) in pages.iter().enumerate() {
            for family in 0..page.families().len() {
                if page.runs_of(family).next().is_some()
                    && options.names.is_none_or(|wanted| wanted(page.head(family).name))
                {
                    let entry = Entry { page: at as u32, family: family as u32 };
                    match self.found.get_mut(count) {
                        Some(before) if *before == entry => same += 1,
                        Some(before) => *before = entry,
                        None => self.found.push(entry),
                    }
                    count += 1;
                }
            }
        }
        // Most pages are made like the one before: what was in order then mostly is now, which the sort finds out by one
        // comparison a family instead of ten.
        if same != count || count != self.order.len() {
            self.found.truncate(count);
            if crate::memory::clear(&mut self.order, &mut self.recent) {
                self.found.shrink_to_fit();
            }
            self.order.extend_from_slice(&self.found);
        }
        // Unstable, because the stable sort allocates.
        self.order.sort_unstable_by(|a, b| {
            a.name(pages).cmp(b.name(pages)).then((a.page, a.family).cmp(&(b.page, b.family)))
        });
    }
}

impl Entry {
    fn page<'a>(&self, pages: &[&'a Page]) -> &'a Page {
        pages[self.page as usize]
    }

    fn name<'a>(&self, pages: &[&'a Page]) -> &'a [u8] {
        self.page(pages).name(self.family as usize)
    }

    fn kind(&self, pages: &[&Page]) -> Kind {
        self.page(pages).raw_head(self.family as usize).kind
    }

    fn samples(&self, pages: &[&Page]) -> usize {
        self.page(pages).runs_of(self.family as usize).map(<[Sample]>::len).sum()
    }
}

/// All that is on the pages of one name.
struct Block<'a, 'o> {
    pages: &'a [&'a Page],
    entries: &'a [Entry],
    options: &'a Options<'o>,
    out: &'a mut dyn Output,
}

/// Samples that are written before the output is told: a family may be larger than all others together.
const PIECE: usize = 256;

/// How many samples of a family went where.
#[derive(Default)]
struct Tally {
    written: usize,
    duplicate: usize,
    cap: usize,
    conflict: usize,
}

impl Block<'_, '_> {
    fn write(mut self, order: &[Entry], seen: &mut Seen, written: &mut Written) {
        let (pages, format) = (self.pages, self.options.format);
        let first = &self.entries[0];
        let family = first.page(pages).raw_head(first.family as usize);
        let Some(form) = names::form(pages, order, &family, format) else {
            let all = self.entries.iter().map(|entry| entry.samples(pages)).sum();
            written.drop(family.name, Reason::NameClash, all);
            return;
        };
        write::head(&form, family.help, format, self.out.text());
        let is_metric = matches!(family.kind, Kind::Histogram | Kind::Summary);
        let only_counts = is_metric && {
            let mut runs = self.entries.iter().flat_map(|entry| {
                let page = entry.page(pages);
                page.runs_of(entry.family as usize).map(move |run| (page, run))
            });
            runs.all(|(page, run)| seen::only_counts(page, run))
        };
        let mut check = seen.family(pages, self.entries, family.kind, only_counts);
        let mut tally = Tally::default();
        let mut lines = Lines::new(family.name, format);
        for entry in self.entries {
            if !same_kind(entry.kind(pages), family.kind) {
                tally.conflict += entry.samples(pages);
                continue;
            }
            for run in entry.page(pages).runs_of(entry.family as usize) {
                if is_metric {
                    self.metrics((entry.page, only_counts), &mut lines, run, &mut check, &mut tally);
                } else {
                    self.samples(entry.page, &mut lines, run, &mut check, &mut tally);
                }
            }
        }
        written.families += 1;
        written.samples += tally.written;
        written.drop(family.name, Reason::Duplicate, tally.duplicate);
        written.drop(family.name, Reason::Cap, tally.cap);
        written.drop(family.name, Reason::TypeConflict, tally.conflict);
    }

    fn samples(
        &mut self,
        page: u32,
        lines: &mut Lines<'_>,
        run: &[Sample],
        check: &mut Check<'_>,
        tally: &mut Tally,
    ) {
        for (piece, samples) in run.chunks(PIECE).enumerate() {
            let out = self.out.text();
            for (at, sample) in samples.iter().enumerate() {
                if tally.written == self.options.family_cap {
                    // Beyond the cap nobody looks for duplicates.
                    tally.cap += run.len() - piece * PIECE - at;
                    return;
                }
                if check.is_first(page, sample) {
                    lines.write((page, self.pages[page as usize]), sample, out);
                    tally.written += 1;
                } else {
                    tally.duplicate += 1;
                }
            }
            self.settled(lines);
        }
    }

    /// Histograms and summaries, each of which ends with its count; a part of one would be a wrong one. With `only_counts` nothing but a count can come twice.
    fn metrics(
        &mut self,
        (page, only_counts): (u32, bool),
        lines: &mut Lines<'_>,
        run: &[Sample],
        check: &mut Check<'_>,
        tally: &mut Tally,
    ) {
        let ends = |sample: &Sample| sample.part == Part::Count;
        for metric in run.split_inclusive(ends) {
            let count = metric.last().filter(|sample| ends(sample));
            if tally.written + metric.len() > self.options.family_cap {
                tally.cap += metric.len();
                check.left_out();
            } else if count.is_some_and(|count| !check.is_first(page, count)) {
                tally.duplicate += metric.len();
            } else {
                let out = self.out.text();
                for sample in metric {
                    if only_counts || ends(sample) || check.is_first(page, sample) {
                        lines.write((page, self.pages[page as usize]), sample, out);
                        tally.written += 1;
                    } else {
                        tally.duplicate += 1;
                    }
                }
                self.settled(lines);
            }
        }
    }

    fn settled(&mut self, lines: &mut Lines<'_>) {
        lines.settled();
        self.out.settled();
    }
}

/// An info family and a gauge are the same on a text page.
fn same_kind(a: Kind, b: Kind) -> bool {
    a.text() == b.text()
}

#[cfg(test)]
mod tests;

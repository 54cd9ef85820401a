//! Bringing the samples of each family together, from any number of pages, and writing them once.
//!
//! Families come out sorted by name. What would make the page invalid is left out and counted: a second sample with
//! the same labels, a family that two sources type differently, series beyond the cap.

use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::family::Kind;
use crate::page::{FamilyHead, Page, Sample};
use crate::write;

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

/// How to write a page.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The format.
    pub format: Format,
    /// Samples of one family beyond this many are dropped and counted.
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
    fn drop(&mut self, family: &str, reason: Reason, samples: u64) {
        if let Some(last) = self.dropped.last_mut()
            && last.family == family
            && last.reason == reason
        {
            last.samples += samples;
        } else {
            self.dropped.push(Dropped { family: family.to_owned(), reason, samples });
        }
    }
}

/// Reusable scratch space for writing pages.
#[derive(Debug, Default)]
pub struct Assembly {
    order: Vec<Entry>,
    seen: HashTable<(u32, u32, u32)>,
    hasher: foldhash::quality::RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    page: u32,
    run: u32,
}

impl Assembly {
    /// Empty scratch space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes all samples of `pages` to `out`, one block a family.
    pub fn write(&mut self, pages: &[&Page], options: &Options<'_>, out: &mut Vec<u8>) -> Written {
        let mut written = Written::default();
        self.sort(pages, options);
        let order = std::mem::take(&mut self.order);
        for entries in order.chunk_by(|a, b| name(pages, a) == name(pages, b)) {
            self.family(pages, entries, options, out, &mut written);
        }
        self.order = order;
        for page in pages.iter().filter(|page| page.refused() > 0) {
            written.drop("", Reason::PageFull, page.refused());
        }
        if options.format == Format::OpenMetrics {
            out.extend_from_slice(b"# EOF\n");
        }
        written
    }

    /// Runs by family name, those of one family in the order of the pages.
    fn sort(&mut self, pages: &[&Page], options: &Options<'_>) {
        self.order.clear();
        for (at, page) in pages.iter().enumerate() {
            for run in 0..page.runs() {
                if !page.run_samples(run).is_empty()
                    && options.names.is_none_or(|wanted| wanted(page.head(run).name))
                {
                    self.order.push(Entry { page: at as u32, run: run as u32 });
                }
            }
        }
        self.order.sort_by(|a, b| name(pages, a).cmp(name(pages, b)));
    }

    fn family(
        &mut self,
        pages: &[&Page],
        entries: &[Entry],
        options: &Options<'_>,
        out: &mut Vec<u8>,
        written: &mut Written,
    ) {
        let family = head(pages, &entries[0]);
        write::head(&family, options.format, out);
        written.families += 1;
        let total: usize = entries.iter().map(|entry| samples(pages, entry).len()).sum();
        // Two samples or more: look for the same labels twice.
        let check = total > 1;
        self.seen.clear();
        let mut count = 0;
        for entry in entries {
            if entries.len() > 1 && !same_kind(head(pages, entry).kind, family.kind) {
                written.drop(family.name, Reason::TypeConflict, samples(pages, entry).len() as u64);
                continue;
            }
            let page = pages[entry.page as usize];
            for (at, sample) in samples(pages, entry).iter().enumerate() {
                if check && !self.first(pages, entry, at, sample, total) {
                    written.drop(family.name, Reason::Duplicate, 1);
                } else if count == options.family_cap {
                    written.drop(family.name, Reason::Cap, 1);
                } else {
                    count += 1;
                    write::sample(&family, options.format, sample, page.label_text(sample), out);
                }
            }
        }
        written.samples += count;
    }

    /// Whether no sample of the family had these labels before.
    fn first(&mut self, pages: &[&Page], entry: &Entry, at: usize, sample: &Sample, total: usize) -> bool {
        let key = |entry: (u32, u32, u32)| {
            let page = pages[entry.0 as usize];
            let sample = &page.run_samples(entry.1 as usize)[entry.2 as usize];
            (page.label_text(sample), sample.part)
        };
        let text = pages[entry.page as usize].label_text(sample);
        let hasher = &self.hasher;
        let hash = |(text, part): (&[u8], crate::page::Part)| hasher.hash_one(text) ^ part as u64;
        if self.seen.is_empty() {
            self.seen.reserve(total, |&other| hash(key(other)));
        }
        match self.seen.entry(
            hash((text, sample.part)),
            |&other| key(other) == (text, sample.part),
            |&other| hash(key(other)),
        ) {
            hashbrown::hash_table::Entry::Occupied(_) => false,
            hashbrown::hash_table::Entry::Vacant(free) => {
                free.insert((entry.page, entry.run, at as u32));
                true
            }
        }
    }
}

/// An info family and a gauge are the same on a text page.
fn same_kind(a: Kind, b: Kind) -> bool {
    a.text() == b.text()
}

fn head<'a>(pages: &[&'a Page], entry: &Entry) -> FamilyHead<'a> {
    pages[entry.page as usize].head(entry.run as usize)
}

fn name<'a>(pages: &[&'a Page], entry: &Entry) -> &'a [u8] {
    pages[entry.page as usize].name(entry.run as usize)
}

fn samples<'a>(pages: &[&'a Page], entry: &Entry) -> &'a [Sample] {
    pages[entry.page as usize].run_samples(entry.run as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dynamic, Family};

    static UP: Family<0> = Family::gauge("up", "Up.", &[]);
    static BYTES: Family<1> = Family::counter("bytes_total", "Bytes.", &["device"]);
    static OTHER: Family<1> = Family::gauge("bytes_total", "Other.", &["device"]);
    static FIELD: Dynamic<0> = Dynamic::new(Kind::Gauge, "mem_", "Field {}.", &[]).suffix("_bytes");
    static WAIT: Family<1> = Family::new(Kind::Histogram, "wait_seconds", "Wait.", &["op"]);

    fn write(pages: &[&Page], options: &Options<'_>) -> (String, Written) {
        let mut out = Vec::new();
        let written = Assembly::new().write(pages, options, &mut out);
        (String::from_utf8(out).unwrap(), written)
    }

    #[test]
    fn one_head_for_a_family_of_two_pages() {
        let (mut a, mut b) = (Page::new(), Page::new());
        a.put(&BYTES, [&"eth0"], 1_u64);
        a.put(&UP, [], true);
        b.put(&BYTES, [&"eth1"], 2_u64);
        let (text, written) = write(&[&a, &b], &Options::new(Format::Text));
        assert_eq!(
            text,
            "# HELP bytes_total Bytes.\n# TYPE bytes_total counter\nbytes_total{device=\"eth0\"} 1\n\
             bytes_total{device=\"eth1\"} 2\n# HELP up Up.\n# TYPE up gauge\nup 1\n"
        );
        assert_eq!(written, Written { families: 2, samples: 3, dropped: vec![] });
    }

    #[test]
    fn duplicates_conflicts_and_the_cap_are_dropped_and_counted() {
        let (mut a, mut b) = (Page::new(), Page::new());
        a.put(&BYTES, [&"eth0"], 1_u64);
        a.put(&BYTES, [&"eth0"], 5_u64);
        a.put(&BYTES, [&"eth1"], 1_u64);
        a.put(&BYTES, [&"eth2"], 1_u64);
        b.put(&OTHER, [&"eth9"], 1_u64);
        let options = Options { family_cap: 2, ..Options::new(Format::Text) };
        let (text, written) = write(&[&a, &b], &options);
        assert!(text.ends_with("bytes_total{device=\"eth0\"} 1\nbytes_total{device=\"eth1\"} 1\n"), "{text}");
        let dropped = |reason| Dropped { family: "bytes_total".into(), reason, samples: 1 };
        assert_eq!(
            written.dropped,
            [dropped(Reason::Duplicate), dropped(Reason::Cap), dropped(Reason::TypeConflict)]
        );
    }

    #[test]
    fn names_filter_families() {
        let mut page = Page::new();
        page.put(&BYTES, [&"eth0"], 1_u64);
        page.put(&UP, [], 1_u64);
        let wanted = |name: &str| name == "up";
        let options = Options { names: Some(&wanted), ..Options::new(Format::Text) };
        assert_eq!(write(&[&page], &options).0, "# HELP up Up.\n# TYPE up gauge\nup 1\n");
    }

    #[test]
    fn dynamic_names_are_made_valid() {
        let mut page = Page::new();
        page.put_dynamic(&FIELD, b"Active(anon)", [], 4096_u64);
        assert_eq!(
            write(&[&page], &Options::new(Format::Text)).0,
            "# HELP mem_Active_anon__bytes Field Active(anon).\n# TYPE mem_Active_anon__bytes gauge\n\
             mem_Active_anon__bytes 4096\n"
        );
    }

    #[test]
    fn a_histogram_is_one_family() {
        let mut page = Page::new();
        page.histogram(&WAIT, [&"read"], [(0.1, 2), (1.0, 3)], 4, 2.5);
        assert_eq!(
            write(&[&page], &Options::new(Format::Text)).0,
            "# HELP wait_seconds Wait.\n# TYPE wait_seconds histogram\n\
             wait_seconds_bucket{op=\"read\",le=\"0.1\"} 2\nwait_seconds_bucket{op=\"read\",le=\"1\"} 3\n\
             wait_seconds_bucket{op=\"read\",le=\"+Inf\"} 4\nwait_seconds_sum{op=\"read\"} 2.5\n\
             wait_seconds_count{op=\"read\"} 4\n"
        );
    }

    #[test]
    fn pages_append_with_their_names() {
        let (mut whole, mut part) = (Page::new(), Page::new());
        whole.put(&UP, [], 1_u64);
        part.put_dynamic(&FIELD, b"Free", [], 1_u64);
        whole.append(&part);
        assert!(write(&[&whole], &Options::new(Format::Text)).0.contains("\nmem_Free_bytes 1\n"));
    }
}

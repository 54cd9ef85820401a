//! No sample twice.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::{Entry, same_kind};
use crate::family::Kind;
use crate::memory;
use crate::page::{END, LabelText, Page, Part, Sample};

/// Whether each of these histograms or summaries has the labels of its count in all its samples, and bounds in rising
/// order: then none of them comes twice if no count does, and the counts are all that has to be noted. Bounds that are
/// whole numbers rise by length and text; for others, sample by sample is noted.
pub(super) fn only_counts(page: &Page, run: &[Sample]) -> bool {
    run.split_inclusive(|sample| sample.part == Part::Count).all(|metric| is_regular(page, metric))
}

fn is_regular(page: &Page, metric: &[Sample]) -> bool {
    let Some((count, others)) = metric.split_last().filter(|(count, _)| count.part == Part::Count) else {
        return false;
    };
    let common = page.common_text(count.labels);
    // Without the end, and with what stands before the name of the bound.
    let (stem, next) = match common.strip_suffix(END) {
        Some(stem) => (stem, &b"\","[..]),
        None => (&b""[..], &b"{"[..]),
    };
    let mut last: &[u8] = b"";
    let mut last_value = f64::NEG_INFINITY;
    let mut sums = 0;
    others.iter().all(|sample| {
        if let Some((value, _)) = page.bound_of(sample.labels) {
            let rises = last_value < value && last.is_empty() && sample.labels.is_beside(count.labels);
            last_value = value;
            return rises;
        }
        let text = page.common_text(sample.labels);
        if sample.part == Part::Sum {
            sums += 1;
            return sums == 1 && text == common;
        }
        let bound = text.strip_prefix(stem).and_then(|rest| rest.strip_prefix(next));
        let Some(bound) =
            bound.filter(|bound| bound.starts_with(b"le=\"") || bound.starts_with(b"quantile=\""))
        else {
            return false;
        };
        let rises = match last {
            b"le=\"+Inf\"} " => false,
            _ if bound == b"le=\"+Inf\"} " => true,
            last => (last.len(), last) < (bound.len(), bound),
        };
        last = bound;
        rises
    })
}

/// Reusable space for the samples of a family.
#[derive(Debug, Default)]
pub(super) struct Seen {
    table: HashTable<Place>,
    hasher: foldhash::quality::RandomState,
    most: usize,
    recent: usize,
}

/// Where a sample's labels are.
#[derive(Clone, Copy, Debug)]
struct Place {
    page: u32,
    labels: LabelText,
    part: Part,
}

/// The samples of one family, asked for in the order of the pages.
///
/// Sources mostly put them in some order, cpu 0 before cpu 1. As long as each label text is longer than the one before,
/// or as long and greater, none can come twice and nothing is noted. In a family of 10,000 that makes assembling and
/// writing a sample 12 ns quicker, of 35.
pub(super) struct Check<'a> {
    seen: &'a mut Seen,
    pages: &'a [&'a Page],
    entries: &'a [Entry],
    kind: Kind,
    /// Whether several sources write the labels in different orders: a user's stand by their names, ours as they are
    /// declared. What is the same then may read otherwise.
    mixed: bool,
    /// Whether counts are all that is asked for.
    only_counts: bool,
    /// How many samples were asked for, while they rose.
    rising: Option<usize>,
    last: &'a [u8],
}

impl Seen {
    pub(super) fn family<'a>(
        &'a mut self,
        pages: &'a [&'a Page],
        entries: &'a [Entry],
        kind: Kind,
        only_counts: bool,
    ) -> Check<'a> {
        self.most = self.most.max(self.table.len());
        self.table.clear();
        // Else the count of a histogram is asked for before its other samples.
        let mixed = entries.len() > 1 && is_mixed(pages, entries);
        let in_order = only_counts || !matches!(kind, Kind::Histogram | Kind::Summary);
        let rising = (!mixed && in_order).then_some(0);
        Check { seen: self, pages, entries, kind, mixed, only_counts, rising, last: b"" }
    }

    /// The page is written.
    pub(super) fn end(&mut self) {
        memory::note(&mut self.recent, self.most.max(self.table.len()));
        self.most = 0;
        self.table.clear();
        if memory::too_large::<Place>(self.table.capacity(), self.recent) {
            self.table = HashTable::new();
        }
    }

    /// Whether it was not there.
    fn insert(&mut self, pages: &[&Page], place: Place, mixed: bool) -> bool {
        let text = |place: &Place| {
            let text = pages[place.page as usize].text_of(place.labels);
            if mixed { Cow::Owned(sorted(&text)) } else { text }
        };
        let hash = |place: &Place| {
            let mut hasher = self.hasher.build_hasher();
            hasher.write(&text(place));
            hasher.write_u8(place.part as u8);
            hasher.finish()
        };
        let same = |other: &Place| other.part == place.part && text(other) == text(&place);
        match self.table.entry(hash(&place), same, hash) {
            hashbrown::hash_table::Entry::Occupied(_) => false,
            hashbrown::hash_table::Entry::Vacant(free) => {
                free.insert(place);
                true
            }
        }
    }
}

impl Check<'_> {
    /// Whether no sample of the family had these labels before.
    pub(super) fn is_first(&mut self, page: u32, sample: &Sample) -> bool {
        let place = Place { page, labels: sample.labels, part: sample.part };
        if let Some(asked) = self.rising {
            let text = self.pages[page as usize].common_text(sample.labels);
            if asked == 0 || (self.last.len(), self.last) < (text.len(), text) {
                self.last = text;
                self.rising = Some(asked + 1);
                return true;
            }
            self.left_out();
        }
        self.seen.insert(self.pages, place, self.mixed)
    }

    /// Something is not asked for, so that it cannot be told any more by their number what was.
    pub(super) fn left_out(&mut self) {
        if let Some(asked) = self.rising.take() {
            self.note_first(asked);
        }
    }

    /// Notes what was asked for while it rose.
    fn note_first(&mut self, asked: usize) {
        let places = self.entries.iter().filter(|entry| same_kind(entry.kind(self.pages), self.kind));
        let places = places.flat_map(|entry| {
            let runs = entry.page(self.pages).runs_of(entry.family as usize);
            let asked = runs.flatten().filter(|sample| !self.only_counts || sample.part == Part::Count);
            asked.map(|sample| Place { page: entry.page, labels: sample.labels, part: sample.part })
        });
        for place in places.take(asked) {
            self.seen.insert(self.pages, place, self.mixed);
        }
    }
}

/// Whether the sources write the labels of this family in different orders; their first samples tell.
fn is_mixed(pages: &[&Page], entries: &[Entry]) -> bool {
    let names = |entry: &Entry| {
        let page = entry.page(pages);
        let first = page.runs_of(entry.family as usize).flatten().next();
        let all = first.map(|sample| {
            let bound = page.bound_of(sample.labels).map(|(_, text)| text);
            labels(page.common_text(sample.labels)).chain(bound).map(name)
        });
        all.into_iter().flatten()
    };
    let differ = |entry: &Entry| !names(entry).eq(names(&entries[0]));
    entries.iter().any(differ) && !entries.iter().all(|entry| names(entry).is_sorted())
}

fn name(label: &[u8]) -> &[u8] {
    label.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// A sample's labels in one order, whoever wrote them.
fn sorted(text: &[u8]) -> Vec<u8> {
    let mut all: Vec<_> = labels(text).collect();
    all.sort_unstable();
    all.join(&b',')
}

/// `a="1"` and `b="2"` of `{a="1",b="2"} `.
fn labels(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_prefix(b"{").and_then(|text| text.strip_suffix(b"} ")).unwrap_or_default();
    let (mut quoted, mut escaped) = (false, false);
    let all = text.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        *byte == b',' && !quoted
    });
    all.filter(|label| !label.is_empty())
}

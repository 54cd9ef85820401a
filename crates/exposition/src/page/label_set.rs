//! Labels that many samples of one page carry: a container has fifty samples with the same eight labels, whose text then
//! stands on the page once.

use super::{END, LabelText, Page, Part, Span};
use crate::family::{Family, is_label_name};
use crate::label::LabelValue;
use crate::page::ForeignError;
use crate::value::SampleValue;

/// Labels that stand on a page; see [`Page::label_set`].
#[derive(Clone, Copy, Debug)]
pub struct LabelSet {
    pub(super) text: Span,
    /// Tells a set of another page, or of this one before it was cleared.
    fill: u64,
}

/// Label text that outlives a page: made once for what stays, put on every page. Samples that are put in the order of their
/// labels, which is by length first, cost the least when a page is written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Labels {
    len: usize,
    text: Box<[u8]>,
}

impl Default for Labels {
    fn default() -> Self {
        Self { len: 1, text: b" ".as_slice().into() }
    }
}

impl Labels {
    /// Writes the labels.
    ///
    /// # Errors
    /// As [`Page::label_set`].
    pub fn new<'l>(
        labels: impl IntoIterator<Item = (&'l str, &'l dyn LabelValue)>,
    ) -> Result<Self, ForeignError> {
        let mut page = Page::new();
        let set = page.label_set(None, labels)?;
        let text = page.bytes(set.text);
        Ok(Self { len: text.len(), text: text.into() })
    }
}

impl Page {
    /// Puts kept labels on this page, for samples and for sets that extend them.
    pub fn labels(&mut self, labels: &Labels) -> LabelSet {
        let start = self.text.len();
        self.text.extend_from_slice(&labels.text);
        self.set_from(start)
    }

    /// Writes labels that many samples have in common; they extend `base`, an earlier set. The set is good until the page
    /// is cleared, which a commit does.
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
            let labels = (len as usize).saturating_sub(END.len());
            self.text.extend_from_within(at as usize..at as usize + labels);
        }
        for (name, label) in labels {
            if !is_label_name(name) || name == "__name__" {
                self.text.truncate(start);
                return Err(ForeignError::LabelName);
            }
            self.label_name(self.text.len() == start, name);
            label.write_escaped(&mut self.text);
        }
        let bare = self.text.len() == start;
        self.text.extend_from_slice(if bare { b" " } else { END });
        Ok(self.set_from(start))
    }

    fn set_from(&mut self, start: usize) -> LabelSet {
        if self.text.len() > self.max_text {
            // An empty text is no set's: what is put with it is refused.
            self.text.truncate(start);
        }
        LabelSet { text: self.span_from(start), fill: self.fill }
    }

    /// Puts one sample with the labels of a set, which stand for those of the declaration: one that has no value may be
    /// left out.
    pub fn put_set<const N: usize>(
        &mut self,
        family: &'static Family<N>,
        set: LabelSet,
        value: impl SampleValue,
    ) {
        if self.holds(&set) {
            self.open_declared(family.desc());
            self.put_open(LabelText::plain(set.text), Part::Plain, value.to_f64());
        } else {
            self.refused += 1;
        }
    }

    pub(super) fn holds(&self, set: &LabelSet) -> bool {
        set.fill == self.fill && set.text.len > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assembly, Format, Options};

    static IO: Family<3> = Family::counter("io_total", "Requests.", &["id", "name", "device"]);
    static MEMORY: Family<3> = Family::gauge("memory_bytes", "Memory.", &["id", "name", "device"]);

    fn write(page: &Page) -> String {
        let mut out = Vec::new();
        Assembly::new().write(&[page], &Options::new(Format::Text), &mut out);
        let text = String::from_utf8(out).unwrap();
        crate::parse::parse(&text, Format::Text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        text
    }

    #[test]
    fn samples_share_sets_and_sets_extend_sets() {
        let mut page = Page::new();
        let none = page.label_set(None, []).unwrap();
        let set = page.label_set(Some(none), [("id", &"/a" as &dyn LabelValue), ("name", &"x\"y")]).unwrap();
        let disk = page.label_set(Some(set), [("device", &"sda" as &dyn LabelValue)]).unwrap();
        page.put_set(&MEMORY, set, 1_u64);
        page.put_set(&IO, disk, 2_u64);
        page.put_set(&IO, none, 3_u64);
        page.put(&IO, [&"/b", &"b", &"b"], 4_u64);
        let mut copy = Page::new();
        copy.put(&MEMORY, [&"/b", &"b", &"b"], 5_u64);
        copy.append(&page);
        let text = write(&copy);
        for line in [
            "memory_bytes{id=\"/a\",name=\"x\\\"y\"} 1",
            "io_total{id=\"/a\",name=\"x\\\"y\",device=\"sda\"} 2",
            "io_total 3",
            "io_total{id=\"/b\",name=\"b\",device=\"b\"} 4",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
        }
    }

    #[test]
    fn kept_labels_serve_every_page() {
        let kept = Labels::new([("id", &"/a" as &dyn LabelValue)]).unwrap();
        for _ in 0..2 {
            let mut page = Page::new();
            let set = page.labels(&kept);
            let disk = page.label_set(Some(set), [("device", &"sda" as &dyn LabelValue)]).unwrap();
            page.put_set(&MEMORY, set, 1_u64);
            page.put_set(&IO, disk, 2_u64);
            let text = write(&page);
            assert!(text.contains("\nmemory_bytes{id=\"/a\"} 1\n"), "{text}");
            assert!(text.contains("\nio_total{id=\"/a\",device=\"sda\"} 2\n"), "{text}");
        }
        assert!(kept > Labels::default());
        assert!(Labels::new([("a-b", &"" as &dyn LabelValue)]).is_err());
    }

    #[test]
    fn names_are_checked() {
        let mut page = Page::new();
        for name in ["a-b", "", "__name__"] {
            let labels = [("a", &"" as &dyn LabelValue), (name, &"")];
            assert_eq!(page.label_set(None, labels).unwrap_err(), ForeignError::LabelName, "{name}");
        }
        assert!(page.text.is_empty());
    }

    #[test]
    fn a_set_of_another_page_or_time_is_refused() {
        let (mut page, mut other) = (Page::new(), Page::new());
        let set = page.label_set(None, []).unwrap();
        other.label_set(None, [("id", &"/a" as &dyn LabelValue)]).unwrap();
        other.put_set(&MEMORY, set, 1_u64);
        assert_eq!((other.len(), other.refused()), (0, 1));
        page.clear();
        page.label_set(None, [("id", &"/a" as &dyn LabelValue)]).unwrap();
        page.put_set(&MEMORY, set, 1_u64);
        assert_eq!((page.len(), page.refused()), (0, 1));
    }

    #[test]
    fn a_full_page_refuses_and_counts() {
        let mut page = Page { max_text: 100, ..Page::new() };
        let small = page.label_set(None, [("id", &"/a" as &dyn LabelValue)]).unwrap();
        let large = page.label_set(Some(small), [("name", &"x".repeat(200).as_str() as &dyn LabelValue)]);
        page.put_set(&MEMORY, large.unwrap(), 1_u64);
        page.put_set(&MEMORY, small, 1_u64);
        assert_eq!((page.len(), page.refused()), (1, 1));
        assert!(write(&page).ends_with("\nmemory_bytes{id=\"/a\"} 1\n"));
    }
}

//! Putting samples of the open family.

use super::{END, LabelText, NONE, Page, Part, Run, Sample};
use crate::label::LabelValue;
use crate::value::write_value;

impl Page {
    pub(super) fn sample(&mut self, names: &[&str], values: &[&dyn LabelValue], value: f64) {
        if self.open == NONE {
            self.refused += 1;
            return;
        }
        let start = self.text.len();
        for (at, (name, label)) in names.iter().zip(values).enumerate() {
            self.label_name(at == 0, name);
            label.write_escaped(&mut self.text);
        }
        self.finish(start, names.is_empty(), Part::Plain, value);
    }

    /// Puts a histogram or a summary: `bounds` are pairs of bound and value. The labels they have in common are written
    /// once.
    pub(super) fn metric(
        &mut self,
        labels: (&[&str], &[&dyn LabelValue]),
        bounds: impl Iterator<Item = (f64, f64)>,
        part: Part,
        (sum, count): (f64, f64),
    ) {
        let start = self.text.len();
        for (at, (name, label)) in labels.0.iter().zip(labels.1).enumerate() {
            self.label_name(at == 0, name);
            label.write_escaped(&mut self.text);
        }
        self.text.extend_from_slice(if labels.0.is_empty() { b" " } else { END });
        if self.open == NONE || self.text.len() > self.max_text {
            self.text.truncate(start);
            self.refused += bounds.count() as u64 + 2;
            return;
        }
        let common = LabelText::plain(self.span_from(start));
        for (value, below) in bounds {
            match self.bound(part, value) {
                Some(bound) => self.put_open(LabelText { bound, ..common }, part, below),
                None => self.refused += 1,
            }
        }
        self.put_open(common, Part::Sum, sum);
        self.put_open(common, Part::Count, count);
    }

    /// The place of a bound, whose text is written if it does not stand on the page yet; none where the page is full.
    fn bound(&mut self, part: Part, value: f64) -> Option<u32> {
        if let Some(known) = self.bounds.find(part, value) {
            return Some(known);
        }
        let start = self.text.len();
        self.text.extend_from_slice(if part == Part::Bucket { b"le=\"" } else { b"quantile=\"" });
        write_value(value, &mut self.text);
        self.text.extend_from_slice(END);
        if self.text.len() > self.max_text {
            self.text.truncate(start);
            return None;
        }
        Some(self.bounds.add(part, value, self.span_from(start)))
    }

    /// What stands before a label value: the end of the one before it and the name.
    pub(super) fn label_name(&mut self, first: bool, name: &str) {
        self.text.extend_from_slice(if first { b"{" } else { b"\"," });
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"=\"");
    }

    /// Ends the label text that was written from `start` on; `bare` if there is none.
    pub(super) fn finish(&mut self, start: usize, bare: bool, part: Part, value: f64) {
        self.text.extend_from_slice(if bare { b" " } else { END });
        if self.text.len() > self.max_text {
            self.text.truncate(start);
            self.refused += 1;
            return;
        }
        self.put_open(LabelText::plain(self.span_from(start)), part, value);
    }

    /// Puts a sample of the open family, whose label text stands on the page.
    pub(super) fn put_open(&mut self, labels: LabelText, part: Part, value: f64) {
        // Samples that share a text are bounded by their number alone.
        if self.open == NONE || self.samples.len() >= self.max_text {
            self.refused += 1;
            return;
        }
        if self.runs.last().is_none_or(|run| run.family != self.open) {
            self.begin_run();
        }
        self.samples.push(Sample { labels, value, part });
    }

    pub(super) fn begin_run(&mut self) {
        let at = self.runs.len() as u32;
        let family = &mut self.families[self.open as usize];
        match self.runs.get_mut(family.last_run as usize) {
            Some(last) => last.next = at,
            None => family.first_run = at,
        }
        family.last_run = at;
        self.runs.push(Run { family: self.open, first: self.samples.len() as u32, next: NONE });
    }
}

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
    /// once, sum and count share them.
    pub(super) fn metric(
        &mut self,
        labels: (&[&str], &[&dyn LabelValue]),
        bound_name: &str,
        bounds: impl Iterator<Item = (f64, f64)>,
        part: Part,
        (sum, count): (f64, f64),
    ) {
        let start = self.text.len();
        for (at, (name, label)) in labels.0.iter().zip(labels.1).enumerate() {
            self.label_name(at == 0, name);
            label.write_escaped(&mut self.text);
        }
        let end = self.text.len();
        let bare = labels.0.is_empty();
        self.text.extend_from_slice(if bare { b" " } else { END });
        if self.open == NONE || self.text.len() > self.max_text {
            self.text.truncate(start);
            self.refused += bounds.count() as u64 + 2;
            return;
        }
        let common = self.span_from(start);
        for (bound, value) in bounds {
            let from = self.text.len();
            self.text.extend_from_within(start..end);
            self.label_name(bare, bound_name);
            write_value(bound, &mut self.text);
            self.finish(from, false, part, value);
        }
        self.put_open(common, Part::Sum, sum);
        self.put_open(common, Part::Count, count);
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
        self.put_open(self.span_from(start), part, value);
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

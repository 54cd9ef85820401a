//! Appending one page to another.

use super::{FamilyRef, LabelText, Page, Sample, Span, bounds};

impl Page {
    /// Appends all of `other`, e.g. what was filled since the last commit.
    pub fn append(&mut self, other: &Page) {
        self.refused += other.refused;
        if self.text.len() + other.text.len() > self.max_text {
            self.refused += other.samples.len() as u64;
            return;
        }
        let text = self.text.len() as u32;
        let moved = |span: Span| Span { at: span.at + text, len: span.len };
        self.text.extend_from_slice(&other.text);
        let bound = self.bounds.append(&other.bounds, text);
        let labels = |labels: LabelText| LabelText {
            common: moved(labels.common),
            bound: bounds::moved(labels.bound, bound),
        };
        for (at, run) in other.runs.iter().enumerate() {
            self.open_moved(match other.families[run.family as usize].family {
                FamilyRef::Named { name, help, kind, dynamic } => {
                    FamilyRef::Named { name: moved(name), help: moved(help), kind, dynamic }
                }
                declared => declared,
            });
            self.begin_run();
            let samples = other.run(at).iter();
            self.samples.extend(samples.map(|sample| Sample { labels: labels(sample.labels), ..*sample }));
        }
    }
}

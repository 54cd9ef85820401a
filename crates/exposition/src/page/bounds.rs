//! The bounds of the histograms and the quantiles of the summaries on a page. Those of one family mostly have the same:
//! a bound's text stands on the page once, and a sample says which it has.

use super::{NONE, Part, Span};

/// Bounds are looked for among the first so many: what has more has others each time.
const NEAR: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Bounds {
    known: Vec<Bound>,
    /// The one that comes next if these are the bounds of the metric before.
    next: usize,
    recent: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    /// A bucket's, or a quantile.
    part: Part,
    value: f64,
    text: Span,
}

impl Bounds {
    /// Value and text of the bound at this place.
    pub(super) fn get(&self, at: u32) -> Option<(f64, Span)> {
        self.known.get(at as usize).map(|bound| (bound.value, bound.text))
    }

    /// The place of a bound that stands on the page.
    pub(super) fn find(&mut self, part: Part, value: f64) -> Option<u32> {
        let is = |bound: &Bound| bound.value.to_bits() == value.to_bits() && bound.part == part;
        let at = match self.known.get(self.next) {
            Some(bound) if is(bound) => self.next,
            _ => self.known.iter().take(NEAR).position(is)?,
        };
        self.next = at + 1;
        Some(at as u32)
    }

    /// Adds one whose text was written.
    pub(super) fn add(&mut self, part: Part, value: f64, text: Span) -> u32 {
        let at = self.known.len() as u32;
        self.known.push(Bound { part, value, text });
        self.next = self.known.len();
        at
    }

    /// Adds those of another page, whose texts stand here by so much later. Their places are by the returned number
    /// later, too.
    pub(super) fn append(&mut self, other: &Bounds, text: u32) -> u32 {
        let at = self.known.len() as u32;
        self.known.extend(other.known.iter().map(|bound| {
            let text = Span { at: bound.text.at + text, len: bound.text.len };
            Bound { text, ..*bound }
        }));
        at
    }

    pub(super) fn clear(&mut self) {
        crate::memory::clear(&mut self.known, &mut self.recent);
        self.next = 0;
    }
}

/// A place that lies by so much later.
pub(super) fn moved(bound: u32, by: u32) -> u32 {
    if bound == NONE { NONE } else { bound + by }
}

//! Matching, with a bound for how long it may take.

use super::{Item, Single};

/// A match that takes more steps than this is none: names are anybody's, and several `.*` can take for ever.
const MOST_STEPS: u32 = 100_000;

#[derive(Clone, Copy, Debug)]
enum Capture {
    Open(usize),
    Text(usize, usize),
    Position(usize),
}

/// A text and how far a pattern has got in it.
pub(super) struct Matching<'a> {
    items: &'a [Item],
    text: &'a [u8],
    captures: Vec<Capture>,
    steps: u32,
}

impl<'a> Matching<'a> {
    pub(super) fn new(items: &'a [Item], text: &'a [u8]) -> Self {
        Self { items, text, captures: Vec::new(), steps: 0 }
    }

    /// What is captured by a match that begins here.
    pub(super) fn begin(&mut self, at: usize) -> Option<Vec<u8>> {
        self.captures.clear();
        self.from(at, 0).map(|_| self.joined())
    }

    /// Whether the items from `item` on match from `at` on, and where that ends. As deep as there are items.
    fn from(&mut self, at: usize, item: usize) -> Option<usize> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return None;
        }
        let items = self.items;
        match items.get(item) {
            None => Some(at),
            Some(Item::End) => (at == self.text.len()).then_some(at),
            Some(Item::One(kind)) => {
                if self.is(kind, at) {
                    self.from(at + 1, item + 1)
                } else {
                    None
                }
            }
            Some(Item::Star(kind)) => self.most(kind, at, item, 0),
            Some(Item::Plus(kind)) => self.most(kind, at, item, 1),
            Some(Item::Minus(kind)) => {
                let mut end = at;
                loop {
                    if let Some(found) = self.from(end, item + 1) {
                        return Some(found);
                    }
                    if self.steps > MOST_STEPS || !self.is(kind, end) {
                        return None;
                    }
                    end += 1;
                }
            }
            Some(Item::Maybe(kind)) => {
                let with = if self.is(kind, at) { self.from(at + 1, item + 1) } else { None };
                with.or_else(|| self.from(at, item + 1))
            }
            Some(Item::Balance(open, close)) => {
                let end = self.balance(*open, *close, at)?;
                self.from(end, item + 1)
            }
            Some(Item::Frontier(set)) => {
                let before = at.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or(0);
                let here = self.text.get(at).copied().unwrap_or(0);
                if !set.is(before) && set.is(here) { self.from(at, item + 1) } else { None }
            }
            Some(Item::Open) => self.with(Capture::Open(at), at, item),
            Some(Item::Position) => self.with(Capture::Position(at), at, item),
            Some(Item::Close) => {
                let last = self.captures.iter().rposition(|capture| matches!(capture, Capture::Open(_)))?;
                let Capture::Open(start) = self.captures[last] else { return None };
                self.captures[last] = Capture::Text(start, at);
                let end = self.from(at, item + 1);
                if end.is_none() {
                    self.captures[last] = Capture::Open(start);
                }
                end
            }
            Some(Item::Back(number)) => {
                let Some(Capture::Text(start, end)) = self.captures.get(*number).copied() else {
                    return None;
                };
                let (text, wanted) = (self.text, &self.text[start..end]);
                if text[at..].starts_with(wanted) { self.from(at + wanted.len(), item + 1) } else { None }
            }
        }
    }

    fn is(&self, kind: &Single, at: usize) -> bool {
        self.text.get(at).is_some_and(|&byte| kind.is(byte))
    }

    fn most(&mut self, kind: &Single, at: usize, item: usize, least: usize) -> Option<usize> {
        let many = self.text[at..].iter().take_while(|&&byte| kind.is(byte)).count();
        (least..=many).rev().find_map(|count| self.from(at + count, item + 1))
    }

    fn with(&mut self, capture: Capture, at: usize, item: usize) -> Option<usize> {
        let known = self.captures.len();
        self.captures.push(capture);
        let end = self.from(at, item + 1);
        if end.is_none() {
            self.captures.truncate(known);
        }
        end
    }

    fn balance(&self, open: u8, close: u8, at: usize) -> Option<usize> {
        if self.text.get(at) != Some(&open) {
            return None;
        }
        let mut depth = 1;
        for (more, &byte) in self.text[at + 1..].iter().enumerate() {
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Some(at + more + 2);
                }
            } else if byte == open {
                depth += 1;
            }
        }
        None
    }

    fn joined(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for capture in &self.captures {
            match capture {
                Capture::Text(start, end) => out.extend_from_slice(&self.text[*start..*end]),
                // Lua counts from 1.
                Capture::Position(at) => out.extend_from_slice((at + 1).to_string().as_bytes()),
                Capture::Open(_) => {}
            }
        }
        out
    }
}

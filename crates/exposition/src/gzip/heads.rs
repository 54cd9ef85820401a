//! Heads of families. They are half of a page and the same in every scrape, so what they become is found once: bits,
//! which do not change as the code is fixed, and repetitions of heads before them, whose distances do.

use super::bits::Bits;
use super::matches::{FARTHEST, Matches, Token};
use super::tables::Tables;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;
use std::ops::Range;

/// Heads are remembered up to so many bytes in all: those of six exporters, and an end for pages whose heads change.
const MOST: usize = 256 * 1024;

/// Shortest that deflate can repeat.
const SHORTEST: usize = 3;

/// What the heads seen so far became.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// The heads one after the other, as they were first seen.
    text: Vec<u8>,
    known: Vec<Head>,
    by_text: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    parts: Vec<Part>,
    /// What the parts put that is always the same.
    coded: Vec<u8>,
    /// Counts the pages, so that positions in earlier ones do not count.
    page: u32,
    /// The head that was put last.
    last: usize,
    /// What finds repetitions in new heads; not kept when a page had none.
    learning: Option<Matches>,
    learnt: bool,
}

#[derive(Debug)]
struct Head {
    text: Range<u32>,
    parts: Range<u32>,
    /// The one that came behind it in the page before.
    next: u32,
    /// Where it is in which page.
    at: u32,
    page: u32,
}

/// A piece of a head.
#[derive(Debug)]
enum Part {
    /// Bits from a byte of `coded` on.
    Bits { begin: u32, count: u32 },
    /// What a head has at `here` as another one has it at `there`.
    Repeat { here: u16, other: u32, there: u16, length: u16 },
}

impl Heads {
    /// Before the first head of a page.
    pub(super) fn begin(&mut self) {
        self.page = self.page.wrapping_add(1);
        if !std::mem::take(&mut self.learnt) {
            self.learning = None;
        }
    }

    /// Puts the head that is at `at` in its page, if it is known or can be; whether it could.
    pub(super) fn put(&mut self, head: &[u8], at: usize, tables: &Tables, bits: &mut Bits<'_>) -> bool {
        let Some(index) = self.find(head).or_else(|| self.learn(head, tables)) else { return false };
        if let Some(last) = self.known.get_mut(self.last) {
            last.next = index as u32;
        }
        self.last = index;
        let Some(head) = self.known.get_mut(index) else { return false };
        (head.at, head.page) = (at as u32, self.page);
        let parts = head.parts.start as usize..head.parts.end as usize;
        let text = head.text.start as usize;
        for part in &self.parts[parts] {
            match *part {
                Part::Bits { begin, count } => bits.put_all(&self.coded[begin as usize..], count as usize),
                Part::Repeat { here, other, there, length } => {
                    let (other, here, length) =
                        (&self.known[other as usize], usize::from(here), usize::from(length));
                    let distance = (at + here).wrapping_sub(other.at as usize + usize::from(there));
                    if other.page == self.page && distance <= FARTHEST {
                        tables.repeat(bits, length, distance);
                    } else {
                        tables.literals(bits, &self.text[text + here..text + here + length]);
                    }
                }
            }
        }
        true
    }

    fn text(&self, index: usize) -> Option<&[u8]> {
        let Range { start, end } = self.known.get(index)?.text;
        self.text.get(start as usize..end as usize)
    }

    fn find(&self, head: &[u8]) -> Option<usize> {
        // Pages keep their order.
        let next = self.known.get(self.last)?.next as usize;
        if self.text(next) == Some(head) {
            return Some(next);
        }
        let hash = self.hasher.hash_one(head);
        Some(*self.by_text.find(hash, |index| self.text(*index as usize) == Some(head))? as usize)
    }

    fn learn(&mut self, head: &[u8], tables: &Tables) -> Option<usize> {
        let begin = self.text.len();
        if begin + head.len() > MOST || head.len() > usize::from(u16::MAX) {
            return None;
        }
        self.text.extend_from_slice(head);
        let mut tokens = Vec::new();
        let matches = self.learning.get_or_insert_with(Matches::new);
        matches.find(&self.text, begin..self.text.len(), |token| tokens.push(token));
        let first_part = self.parts.len() as u32;
        self.cut(begin, &tokens, tables);
        let index = self.known.len();
        let text = begin as u32..self.text.len() as u32;
        self.known.push(Head { text, parts: first_part..self.parts.len() as u32, next: 0, at: 0, page: 0 });
        let (known, text, hasher) = (&self.known, &self.text, &self.hasher);
        let hash = |index: &u32| {
            let Range { start, end } = known[*index as usize].text;
            hasher.hash_one(&text[start as usize..end as usize])
        };
        self.by_text.insert_unique(hasher.hash_one(head), index as u32, hash);
        self.learnt = true;
        Some(index)
    }

    /// Makes parts of the tokens of the text from `begin` on.
    fn cut(&mut self, begin: usize, tokens: &[Token], tables: &Tables) {
        let mut run = Vec::new();
        let mut bits = Bits::new(&mut run);
        let mut at = begin;
        for token in tokens {
            let (mut length, distance) = match *token {
                Token::Match { length, distance } => (length, distance),
                Token::Literals { count } => {
                    tables.literals(&mut bits, &self.text[at..at + count]);
                    at += count;
                    continue;
                }
            };
            while length > 0 {
                let from = at - distance;
                let other =
                    self.known.partition_point(|head| head.text.start as usize <= from).wrapping_sub(1);
                // Heads that are neighbours here are not on the page.
                let most = match self.known.get(other) {
                    Some(head) if from < begin => head.text.end as usize - from,
                    _ => length,
                };
                let part = length.min(most);
                if part < SHORTEST {
                    tables.literals(&mut bits, &self.text[at..at + part]);
                } else if from >= begin {
                    tables.repeat(&mut bits, part, distance);
                } else {
                    let count = bits.end();
                    self.keep(&run, count);
                    let there = (from - self.known[other].text.start as usize) as u16;
                    let (here, length) = ((at - begin) as u16, part as u16);
                    self.parts.push(Part::Repeat { here, other: other as u32, there, length });
                    run.clear();
                    bits = Bits::new(&mut run);
                }
                at += part;
                length -= part;
            }
        }
        let count = bits.end();
        self.keep(&run, count);
    }

    fn keep(&mut self, run: &[u8], count: usize) {
        if count > 0 {
            self.parts.push(Part::Bits { begin: self.coded.len() as u32, count: count as u32 });
            self.coded.extend_from_slice(run);
        }
    }
}

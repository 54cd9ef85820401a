//! gzip for pages.
//!
//! Our own because compressing was the largest part of a scrape: a general compressor looks for repetitions at every
//! byte, in tables of several hundred kilobytes, and counts symbols before it writes any. A page is lines that repeat
//! the line above them, under heads that are the same in every scrape. So the distance of the last repetition is tried
//! first, the table takes 16 KB, one code made for pages serves them all, and with it a head's bits can be kept.
//! `cargo bench -p exposition --bench gzip` shows it beside zlib-rs.

mod bits;
mod code;
mod header;
mod heads;
mod lengths;
mod matches;
mod tables;

use memchr::{memchr, memmem};
use std::ops::Range;

use bits::Bits;
use heads::Heads;
use matches::Matches;
use tables::Tables;

/// Compressed data, no flags, no time, compressor unknown, system unknown (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A compressor that is used again and again.
#[derive(Debug)]
pub struct Gzip {
    tables: Tables,
    heads: Heads,
    matches: Matches,
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

impl Gzip {
    /// A compressor of about 20 KB, and of what the heads take that it will know.
    pub fn new() -> Self {
        Self { tables: Tables::new(), heads: Heads::default(), matches: Matches::new() }
    }

    /// Appends `text`, compressed, to `out`: one complete gzip member.
    pub fn compress(&mut self, text: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
        let mut bits = Bits::new(out);
        self.tables.begin(&mut bits);
        self.heads.begin();
        for Piece { head, samples } in pieces(text) {
            let known = self.heads.put(&text[head.clone()], head.start, &self.tables, &mut bits);
            if known {
                self.matches.passed(text, head.clone());
            }
            let rest = if known { samples } else { head.start..samples.end };
            self.matches.find(text, rest, |token| self.tables.put(&mut bits, token));
        }
        self.matches.end(text);
        self.tables.end(&mut bits);
        bits.end();
        out.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    }
}

/// Comment lines and the lines behind them; either may be empty.
struct Piece {
    head: Range<usize>,
    samples: Range<usize>,
}

fn pieces(text: &[u8]) -> impl Iterator<Item = Piece> {
    let comment = memmem::Finder::new(b"\n#");
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at;
        while text.get(at) == Some(&b'#') {
            at += memchr(b'\n', &text[at..]).map_or(text.len() - at, |end| end + 1);
        }
        let head = begin..at;
        at += comment.find(&text[at..]).map_or(text.len() - at, |end| end + 1);
        (at > begin).then_some(Piece { samples: head.end..at, head })
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod training;

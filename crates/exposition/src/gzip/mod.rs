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

use crate::assembly::Output;
use bits::Bits;
use heads::Heads;
use matches::{FARTHEST, Matches};
use tables::Tables;

/// Compressed data, no flags, no time, compressor unknown, system unknown (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Text that waits to be compressed is so long before it is: as far back as can be repeated, twice.
const CHUNK: usize = 2 * FARTHEST;

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
        let mut member = self.begin(out);
        member.add(text, 0, out);
        member.end(text.len(), out);
    }

    /// Begins one gzip member in `out` for a page that is compressed while it is written. `text` is scratch space, which
    /// stays as small as a chunk and what is written between two times that it is [settled](Output::settled).
    pub fn page<'a>(&'a mut self, text: &'a mut Vec<u8>, out: &'a mut Vec<u8>) -> GzipPage<'a> {
        text.clear();
        GzipPage { member: self.begin(out), text, done: 0, out }
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Member<'_> {
        out.extend_from_slice(&HEADER);
        let mut bits = Bits::new(out);
        self.tables.begin(&mut bits);
        self.heads.begin();
        Member { held: bits.pause(), gzip: self, crc: crc32fast::Hasher::new(), forgotten: 0 }
    }
}

/// A page on its way into [`Gzip`]; see [`Gzip::page`].
#[derive(Debug)]
pub struct GzipPage<'a> {
    member: Member<'a>,
    text: &'a mut Vec<u8>,
    /// How much of the text is compressed.
    done: usize,
    out: &'a mut Vec<u8>,
}

impl GzipPage<'_> {
    /// Nothing more is written.
    pub fn end(mut self) {
        self.member.add(self.text, self.done, self.out);
        self.member.end(self.text.len(), self.out);
    }
}

impl Output for GzipPage<'_> {
    fn text(&mut self) -> &mut Vec<u8> {
        self.text
    }

    fn settled(&mut self) {
        if self.text.len() - self.done < CHUNK {
            return;
        }
        self.member.add(self.text, self.done, self.out);
        let forgotten = self.text.len() - FARTHEST;
        self.text.drain(..forgotten);
        self.done = self.text.len();
        self.member.forget(forgotten);
    }
}

/// One gzip member that is being written.
#[derive(Debug)]
struct Member<'a> {
    gzip: &'a mut Gzip,
    /// The bits of the last byte, which is not whole.
    held: (u64, u32),
    crc: crc32fast::Hasher,
    /// Text in front of what can still be seen.
    forgotten: usize,
}

impl Member<'_> {
    /// Compresses what is in `text` from `from` on.
    fn add(&mut self, text: &[u8], from: usize, out: &mut Vec<u8>) {
        let Gzip { tables, heads, matches } = &mut *self.gzip;
        let mut bits = Bits::resume(out, self.held);
        for Piece { head, samples } in pieces(text, from) {
            // In the middle of a family there is none.
            let known = !head.is_empty()
                && heads.put(&text[head.clone()], self.forgotten + head.start, tables, &mut bits);
            if known {
                matches.passed(text, head.clone());
            }
            let rest = if known { samples } else { head.start..samples.end };
            let mut at = rest.start;
            matches.find(text, rest, |token| {
                tables.put(&mut bits, &text[at..], token);
                at += token.len();
            });
        }
        self.held = bits.pause();
        self.crc.update(&text[from..]);
    }

    fn forget(&mut self, bytes: usize) {
        self.forgotten += bytes;
        self.gzip.matches.forget(bytes);
    }

    /// Ends it; `left` is how much text there is that was not forgotten.
    fn end(mut self, left: usize, out: &mut Vec<u8>) {
        self.forget(left);
        let mut bits = Bits::resume(out, self.held);
        self.gzip.tables.end(&mut bits);
        bits.end();
        out.extend_from_slice(&self.crc.finalize().to_le_bytes());
        out.extend_from_slice(&(self.forgotten as u32).to_le_bytes());
    }
}

/// Comment lines and the lines behind them; either may be empty.
struct Piece {
    head: Range<usize>,
    samples: Range<usize>,
}

fn pieces(text: &[u8], from: usize) -> impl Iterator<Item = Piece> {
    let comment = memmem::Finder::new(b"\n#");
    let mut at = from;
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

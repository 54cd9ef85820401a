//! Symbols of deflate for bytes, lengths and distances (RFC 1951, 3.2.5), with the code they are written in.

use super::bits::Bits;
use super::code::{self, Code};
use super::matches::Token;
use super::{header, lengths};

/// Ends a block.
const END: usize = 256;
/// Symbols for lengths begin after it.
const FIRST_LENGTH: usize = 257;
/// Shortest length that a symbol can say.
const SHORTEST: usize = 3;
const LONGEST: usize = 258;

/// What is put for each byte, length and distance.
#[derive(Debug)]
pub(super) struct Tables {
    literals: [Code; lengths::LITERALS.len()],
    /// Symbol and its extra bits in one, for each length from the shortest on.
    lengths: Box<[(u32, u8); LONGEST - SHORTEST + 1]>,
    distances: [Code; lengths::DISTANCES.len()],
    /// What a page begins with.
    header: Vec<u8>,
    header_bits: usize,
}

impl Tables {
    pub(super) fn new() -> Self {
        let literals = code::from_lengths(&lengths::LITERALS);
        let mut lengths = Box::new([(0, 0); LONGEST - SHORTEST + 1]);
        for (index, entry) in lengths.iter_mut().enumerate() {
            let (symbol, extra, extra_count) = length_symbol(index + SHORTEST);
            let code = literals[symbol];
            *entry = (u32::from(code.bits) | extra << code.count, code.count + extra_count);
        }
        let mut header = Vec::new();
        let mut bits = Bits::new(&mut header);
        header::put(&mut bits);
        let header_bits = bits.end();
        header.shrink_to_fit();
        Self { literals, lengths, distances: code::from_lengths(&lengths::DISTANCES), header, header_bits }
    }

    /// The head of the one block there is, with its code.
    pub(super) fn begin(&self, bits: &mut Bits<'_>) {
        bits.put_all(&self.header, self.header_bits);
    }

    /// Puts what a token stands for; `text` begins with it.
    #[inline]
    pub(super) fn put(&self, bits: &mut Bits<'_>, text: &[u8], token: Token) {
        match token {
            Token::Literals { count } => self.literals(bits, &text[..count]),
            Token::Match { length, distance } => self.repeat(bits, length, distance),
        }
    }

    pub(super) fn literals(&self, bits: &mut Bits<'_>, bytes: &[u8]) {
        // As many at once as fit.
        let (threes, rest) = bytes.as_chunks::<3>();
        for three in threes {
            let [a, b, c] = three.map(|byte| self.literals[usize::from(byte)]);
            let all =
                u64::from(a.bits) | u64::from(b.bits) << a.count | u64::from(c.bits) << (a.count + b.count);
            bits.put(all, u32::from(a.count + b.count + c.count));
        }
        for byte in rest {
            let code = self.literals[usize::from(*byte)];
            bits.put(u64::from(code.bits), u32::from(code.count));
        }
    }

    #[inline]
    pub(super) fn repeat(&self, bits: &mut Bits<'_>, length: usize, distance: usize) {
        let (length, length_count) = self.lengths[length - SHORTEST];
        let (symbol, extra, extra_count) = distance_symbol(distance);
        let code = self.distances[symbol];
        let distance = u64::from(code.bits) | u64::from(extra) << code.count;
        let both = u64::from(length) | distance << length_count;
        bits.put(both, u32::from(length_count) + u32::from(code.count) + extra_count);
    }

    pub(super) fn end(&self, bits: &mut Bits<'_>) {
        let code = self.literals[END];
        bits.put(u64::from(code.bits), u32::from(code.count));
    }
}

/// Symbol, extra bits and how many, of a length from 3 to 258.
pub(super) fn length_symbol(length: usize) -> (usize, u32, u8) {
    if length == LONGEST {
        return (lengths::LITERALS.len() - 1, 0, 0);
    }
    let over = (length - SHORTEST) as u32;
    // Up to 8 one symbol each, then four for each power of two.
    let extra = over.checked_ilog2().map_or(0, |log| log.saturating_sub(2));
    let symbol = FIRST_LENGTH + (4 * extra + (over >> extra)) as usize;
    (symbol, over & ((1 << extra) - 1), extra as u8)
}

/// Symbol, extra bits and how many, of a distance from 1 to 32768.
#[inline]
pub(super) fn distance_symbol(distance: usize) -> (usize, u32, u32) {
    let over = (distance - 1) as u32;
    // Up to 4 one symbol each, then two for each power of two.
    let extra = (over | 1).ilog2().saturating_sub(1);
    ((2 * extra + (over >> extra)) as usize, over & ((1 << extra) - 1), extra)
}

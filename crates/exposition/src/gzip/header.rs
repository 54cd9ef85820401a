//! The head of a block that brings its own code (RFC 1951, 3.2.7).

use super::bits::Bits;
use super::code;
use super::lengths::{DISTANCES, LITERALS};

/// The order in which the lengths of the lengths' code are given.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// Says the last length three to six times more, by two bits that follow.
const AGAIN: usize = 16;
/// Four bits for each length that there is and for [`AGAIN`]; no symbol is without a code.
const LENGTHS: [u8; 19] = [0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 0];

/// Puts the head of the last block of a stream, with all symbols of both codes.
pub(super) fn put(bits: &mut Bits<'_>) {
    const LAST: u64 = 1;
    const OWN_CODE: u64 = 2;
    bits.put(LAST | OWN_CODE << 1, 3);
    bits.put(LITERALS.len() as u64 - 257, 5);
    bits.put(DISTANCES.len() as u64 - 1, 5);
    bits.put(ORDER.len() as u64 - 4, 4);
    for symbol in ORDER {
        bits.put(u64::from(LENGTHS[symbol]), 3);
    }
    let codes = code::from_lengths(&LENGTHS).map(|code| (u64::from(code.bits), u32::from(code.count)));
    let lengths: [u8; LITERALS.len() + DISTANCES.len()] = std::array::from_fn(|symbol| {
        *LITERALS.get(symbol).unwrap_or_else(|| &DISTANCES[symbol - LITERALS.len()])
    });
    for run in lengths.chunk_by(|a, b| a == b) {
        let (bits_of_length, count) = codes[usize::from(run[0])];
        bits.put(bits_of_length, count);
        let mut left = run.len() - 1;
        while left >= 3 {
            let times = left.min(6);
            bits.put(codes[AGAIN].0, codes[AGAIN].1);
            bits.put(times as u64 - 3, 2);
            left -= times;
        }
        for _ in 0..left {
            bits.put(bits_of_length, count);
        }
    }
}

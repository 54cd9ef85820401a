//! A prefix code as deflate defines it by its lengths (RFC 1951, 3.2.2).

/// Longest code that deflate has.
pub(super) const LONGEST: usize = 15;

/// Bits of one symbol, as they are put, and how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) count: u8,
}

/// The codes of symbols that are this long; none for those of length 0.
pub(super) fn from_lengths<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut next = [0_u32; LONGEST + 2];
    for length in 1..=LONGEST {
        let used = lengths.iter().filter(|own| usize::from(**own) == length).count() as u32;
        next[length + 1] = (next[length] + used) << 1;
    }
    let mut codes = [Code::default(); N];
    for (code, length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let value = &mut next[usize::from(*length)];
        // Codes go in from their highest bit, all else from its lowest.
        let bits = (*value as u16).reverse_bits() >> (16 - u16::from(*length));
        *code = Code { bits, count: *length };
        *value += 1;
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let codes = from_lengths(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let written: Vec<_> = codes
            .iter()
            .map(|code| {
                (0..code.count).map(|bit| if code.bits >> bit & 1 == 1 { '1' } else { '0' }).collect()
            })
            .collect::<Vec<String>>();
        assert_eq!(written, ["010", "011", "100", "101", "110", "00", "1110", "1111"]);
    }
}

//! Bits in deflate's order: the first one is the lowest of its byte.

/// Room that is made when there is none.
const ROOM: usize = 4096;

/// Bits on their way into bytes.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    /// Longer than what is put yet: bytes are written eight at a time, without a branch that could be guessed wrong.
    out: &'a mut Vec<u8>,
    begin: usize,
    at: usize,
    /// The last bits, fewer than eight.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// Appends to `out`, which is complete after [`Bits::end`].
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { begin: out.len(), at: out.len(), out, held: 0, count: 0 }
    }

    /// Goes on where [`Bits::pause`] stopped.
    pub(super) fn resume(out: &'a mut Vec<u8>, (held, count): (u64, u32)) -> Self {
        Self { held, count, ..Self::new(out) }
    }

    /// Leaves whole bytes in `out`; the bits of a last one that is not, and how many.
    pub(super) fn pause(self) -> (u64, u32) {
        self.out.truncate(self.at);
        (self.held, self.count)
    }

    /// The lowest `count` bits of `bits`, at most 56; those above must be zero.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= 56 && bits >> count == 0);
        self.held |= bits << self.count;
        self.count += count;
        if self.out.len() < self.at + 8 {
            self.out.resize(self.at + ROOM, 0);
        }
        if let Some(room) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            *room = self.held.to_le_bytes();
        }
        self.at += (self.count / 8) as usize;
        self.held >>= self.count & !7;
        self.count %= 8;
    }

    /// So many bits of these bytes, which have zeros behind them.
    #[inline]
    pub(super) fn put_all(&mut self, bytes: &[u8], count: usize) {
        let (words, rest) = bytes.split_at(count / 32 * 4);
        for word in words.as_chunks::<4>().0 {
            self.put(u64::from(u32::from_le_bytes(*word)), 32);
        }
        let last = rest.iter().take(count.div_ceil(8) - words.len()).enumerate();
        let last = last.fold(0, |word, (index, byte)| word | u64::from(*byte) << (8 * index));
        self.put(last, (count % 32) as u32);
    }

    /// Fills the last byte up with zeros; how many bits were put in all.
    pub(super) fn end(self) -> usize {
        // What is held was written with the bits before it.
        self.out.truncate(self.at + usize::from(self.count > 0));
        8 * (self.at - self.begin) + self.count as usize
    }
}

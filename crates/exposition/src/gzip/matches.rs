//! Repetitions in a text, for deflate: at most 258 bytes long, at most 32 KiB back.

use std::ops::Range;

/// Longest that one symbol can say.
const LONGEST: usize = 258;
/// As far back as deflate can say.
pub(super) const FARTHEST: usize = 32 * 1024;
const SLOTS_LOG2: u32 = 12;
/// Bytes looked at to find a candidate: fewer find nearer, shorter matches that cost more than they save.
const HASHED: u32 = 5;
/// After so many bytes without a match it is looked for where the text goes on as the line above does...
const PATIENCE: usize = 6;
/// ... within so many bytes: longer than the 64 digits that name a container.
const SKIPPED: usize = 96;

/// A piece of the text: what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Literals { count: usize },
    Match { length: usize, distance: usize },
}

impl Token {
    pub(super) fn len(self) -> usize {
        match self {
            Token::Literals { count } => count,
            Token::Match { length, .. } => length,
        }
    }
}

/// Where what was seen last. Any content is safe: a candidate counts only after its bytes were compared.
#[derive(Debug)]
pub(super) struct Matches {
    /// Positions, counted on over all texts; so those of earlier texts are farther back than this one begins.
    seen: Box<[u32; 1 << SLOTS_LOG2]>,
    begin: u32,
}

impl Matches {
    pub(super) fn new() -> Self {
        Self { seen: Box::new([0; 1 << SLOTS_LOG2]), begin: 1 }
    }

    #[cfg(test)]
    pub(super) fn start_at(&mut self, begin: u32) {
        self.begin = begin;
    }

    /// Gives this part of the text piece by piece; what was before it may be repeated.
    #[inline]
    pub(super) fn find(&mut self, text: &[u8], part: Range<usize>, mut put: impl FnMut(Token)) {
        let mut at = part.start;
        let text = &text[..part.end];
        // Where the last match ended.
        let mut from = at;
        // The line above is mostly the best guess, and it stays at one distance while lines are of one length.
        let mut last = 0;
        while let Some(word) = word(text, at) {
            let position = self.begin.wrapping_add(at as u32);
            let slot = &mut self.seen[slot(word)];
            let candidate = position.wrapping_sub(*slot) as usize;
            *slot = position;
            let found = [last, candidate].into_iter().find(|distance| {
                (1..=at.min(FARTHEST)).contains(distance)
                    && self::word(text, at - distance).is_some_and(|other| other as u32 == word as u32)
            });
            let Some(distance) = found else {
                at += 1;
                if at - from == PATIENCE {
                    at += resumption(text, at, last);
                }
                continue;
            };
            if at > from {
                put(Token::Literals { count: at - from });
            }
            let length = length(&text[at..], &text[at - distance..]);
            put(Token::Match { length, distance });
            at += length;
            from = at;
            last = distance;
        }
        if text.len() > from {
            put(Token::Literals { count: text.len() - from });
        }
    }

    /// So many bytes of the text are not in front of it any more.
    pub(super) fn forget(&mut self, bytes: usize) {
        self.begin = self.begin.wrapping_add(bytes as u32);
    }

    /// What follows a head begins with the name that the head's last line has behind `# TYPE `.
    pub(super) fn passed(&mut self, text: &[u8], head: Range<usize>) {
        let line = memchr::memrchr(b'\n', &text[head.start..head.end.saturating_sub(1)]);
        let name = line.map_or(head.start, |end| head.start + end + 1) + "# TYPE ".len();
        if let Some(word) = word(text, name) {
            self.seen[slot(word)] = self.begin.wrapping_add(name as u32);
        }
    }
}

/// How many bytes from here on may be left without a match, because what follows them is what followed at the last match's
/// distance: looking each of an identifier's digits up, which are nowhere else, was most of the work for pages full of them.
fn resumption(text: &[u8], at: usize, distance: usize) -> usize {
    if distance == 0 {
        return 0;
    }
    let same = |skipped: &usize| {
        word(text, at + skipped).is_some_and(|here| word(text, at + skipped - distance) == Some(here))
    };
    let Some(mut skipped) = (0..SKIPPED).step_by(size_of::<u64>()).find(same) else { return 0 };
    while skipped > 0 && text[at + skipped - 1] == text[at + skipped - 1 - distance] {
        skipped -= 1;
    }
    skipped
}

#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?))
}

#[inline]
fn slot(word: u64) -> usize {
    let hashed = (word << (64 - 8 * HASHED)).wrapping_mul(0x9E37_79B1_85EB_CA87);
    (hashed >> (64 - SLOTS_LOG2)) as usize
}

/// How many bytes both begin with.
#[inline]
fn length(here: &[u8], before: &[u8]) -> usize {
    let here = &here[..here.len().min(LONGEST)];
    let (words, rest) = here.as_chunks::<8>();
    let (others, _) = before.as_chunks::<8>();
    for (index, (a, b)) in words.iter().zip(others).enumerate() {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differs != 0 {
            return 8 * index + (differs.trailing_zeros() / 8) as usize;
        }
    }
    let done = 8 * words.len();
    done + rest.iter().zip(&before[done..]).take_while(|(a, b)| a == b).count()
}

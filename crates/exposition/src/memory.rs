//! Buffers that are filled again and again: keep what is used, give back what is not.

/// Smaller buffers are not worth an allocation.
const KEPT_BYTES: usize = 1 << 16;

/// How much was in use lately: the most of the last fills, forgotten by and by, so that one failed scrape does not
/// give back what the next one needs.
pub(crate) fn note(recent: &mut usize, used: usize) {
    *recent = used.max(*recent - *recent / 16);
}

/// Whether a buffer of this size has been far too large for long.
pub(crate) fn too_large<T>(capacity: usize, recent: usize) -> bool {
    capacity * size_of::<T>() > KEPT_BYTES && capacity / 4 > recent
}

/// Empties `buffer`; whether it also gave memory back.
pub(crate) fn clear<T>(buffer: &mut Vec<T>, recent: &mut usize) -> bool {
    note(recent, buffer.len());
    buffer.clear();
    let shrink = too_large::<T>(buffer.capacity(), *recent);
    if shrink {
        buffer.shrink_to(2 * *recent);
    }
    shrink
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_empty_fill_gives_nothing_back_many_do() {
        let (mut buffer, mut recent) = (vec![0_u8; 1 << 20], 0);
        assert!(!clear(&mut buffer, &mut recent));
        let fills = (0..100).take_while(|_| !clear(&mut buffer, &mut recent)).count();
        assert!((10..50).contains(&fills), "{fills}");
        assert!(buffer.capacity() < 1 << 20);
    }

    #[test]
    fn it_is_not_given_back_and_taken_again_in_turn() {
        let (mut buffer, mut recent) = (Vec::new(), 0);
        for fill in 0..100 {
            buffer.resize(if fill % 5 == 0 { 1 << 20 } else { 10 }, 0_u8);
            assert!(!clear(&mut buffer, &mut recent), "fill {fill}");
        }
    }
}

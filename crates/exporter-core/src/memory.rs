//! Memory that is needed for a moment only.
#![allow(unsafe_code, reason = "neither the allocator's nor the kernel's settings have a safe form")]

/// Makes all threads share one heap. glibc gives each thread its own, which keeps what one collector once needed from
/// the next one: measured, half a megabyte to two for threads that take turns anyway.
pub(crate) fn share_one_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer, and a value it does not like changes nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what was needed for a moment, at the start or while buffers found their sizes: free memory between memory
/// in use, and pages of the program's file, of which a scrape needs the smaller part.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; memory in use stays as it is.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    for (begin, length) in unwritten() {
        let begin = std::ptr::without_provenance_mut(begin);
        // SAFETY: these mappings are as they are in the program's file and nobody has written them, so what is needed
        // again is mapped again as it was.
        let _ = unsafe { rustix::mm::madvise(begin, length, rustix::mm::Advice::LinuxDontNeed) };
    }
}

/// Address and length of the program's code and constants in memory: what is mapped from its file, private, and was
/// never writable. What the loader has written and then protected begins elsewhere than at the file's begin.
#[cfg(target_os = "linux")]
fn unwritten() -> Vec<(usize, usize)> {
    let program = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapping = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (begin, end) = fields.next()?.split_once('-')?;
        let (begin, end) = (usize::from_str_radix(begin, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let (rights, offset) = (fields.next()?, fields.next()?);
        let is_constant = rights == "r--p" && offset.bytes().all(|digit| digit == b'0');
        let fits = (rights == "r-xp" || is_constant) && fields.nth(2)? == program.to_str()?;
        fits.then(|| (begin, end - begin))
    };
    maps.lines().filter_map(mapping).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_comes_again() {
        assert!(unwritten().iter().any(|(_, length)| *length > 100_000), "{:?}", unwritten());
        share_one_heap();
        let text = "still here".repeat(1000);
        give_back();
        assert_eq!(text.len(), 10_000);
        assert!(!unwritten().is_empty());
    }
}

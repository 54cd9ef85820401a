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

/// Gives back what reading flags and building instances took: memory, which is more than what runs takes, and the
/// pages of the program's code, of which a scrape needs the smaller part.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; memory in use stays as it is.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    if let Some((begin, length)) = code() {
        // SAFETY: the mapping is the program's own code, read from its file and never written, so what is needed again
        // is mapped again as it was.
        let _ = unsafe {
            rustix::mm::madvise(std::ptr::without_provenance_mut(begin), length, rustix::mm::Advice::LinuxDontNeed)
        };
    }
}

/// Address and length of the mapping this function's code is in.
#[cfg(target_os = "linux")]
fn code() -> Option<(usize, usize)> {
    let here = code as fn() -> Option<(usize, usize)> as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (begin, end) = fields.next()?.split_once('-')?;
        let (begin, end) = (usize::from_str_radix(begin, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        // Private, so that nobody else writes it; not writable; from a file.
        let fits = (begin..end).contains(&here) && fields.next()? == "r-xp" && fields.nth(3)?.starts_with('/');
        fits.then(|| (begin, end - begin))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_comes_again() {
        assert!(code().is_some_and(|(_, length)| length > 4096));
        share_one_heap();
        let text = "still here".repeat(1000);
        give_back();
        assert_eq!(text.len(), 10_000);
        assert!(code().is_some());
    }
}

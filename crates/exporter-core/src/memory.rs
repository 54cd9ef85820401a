//! The allocator's habits.

/// Makes all threads share one heap. glibc gives each thread its own, which keeps what one collector once needed from
/// the next one: measured, half a megabyte to two for threads that take turns anyway.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "glibc's settings have no safe form")]
pub(crate) fn share_one_heap() {
    // SAFETY: called once, before there are threads; takes no pointer, and a value it does not like changes nothing.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Gives back what reading flags and building instances needed for a moment, which is more than what runs takes.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "glibc's settings have no safe form")]
pub(crate) fn give_back() {
    // SAFETY: takes no pointer and may be called at any time; memory in use stays as it is.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators have no heaps of threads.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn share_one_heap() {}

/// Other allocators give back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

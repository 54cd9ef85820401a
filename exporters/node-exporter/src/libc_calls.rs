//! The calls that rustix has no safe form of.

use rustix::fd::{AsFd, AsRawFd as _};
use std::ffi::CStr;
use std::io;

/// The name of the local time zone and its offset from UTC in seconds, at a time.
#[allow(unsafe_code, reason = "localtime_r has no safe wrapper among our dependencies")]
pub(crate) fn local_zone(unix_seconds: u64) -> Option<(String, i64)> {
    let time = libc::time_t::try_from(unix_seconds).ok()?;
    // SAFETY: `tm` is plain data, for which zeros are valid; both pointers are to live locals. The call reads TZ, and
    // nothing in this program changes the environment.
    let (tm, found) = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        let found = !libc::localtime_r(&raw const time, &raw mut tm).is_null();
        (tm, found)
    };
    if !found || tm.tm_zone.is_null() {
        return None;
    }
    // SAFETY: tm_zone points to a string with static lifetime that libc owns, or to one that a later change of TZ
    // frees; there is none.
    let name = unsafe { CStr::from_ptr(tm.tm_zone) };
    Some((name.to_string_lossy().into_owned(), tm.tm_gmtoff))
}

/// The kernel clock's state, read only: adjtimex(2) with no modes set. The first of the pair is the clock's state.
#[allow(unsafe_code, reason = "adjtimex has no safe wrapper among our dependencies")]
pub(crate) fn adjtimex() -> io::Result<(i32, libc::timex)> {
    // SAFETY: `timex` is plain data, for which zeros are valid and mean that nothing is to be changed.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        let state = libc::adjtimex(&raw mut timex);
        (state, timex)
    };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}

/// Room for any answer of a driver's to the questions that [`ethtool`] passes on.
pub(crate) struct EthtoolAnswer(Vec<u8>);

impl EthtoolAnswer {
    /// For drivers with at most so many counters.
    ///
    /// A driver may have got more of them since it was asked for their number, and the kernel writes them all: there is
    /// room for twice as many. Memory that no answer reaches is never touched, so it costs nothing.
    pub(crate) fn new(counters: usize) -> Self {
        /// A name is 32 bytes, a count 8; the other answers, and what comes before names, take less than this.
        const OTHERS: usize = 4096;
        Self(vec![0; OTHERS + 2 * 32 * counters])
    }
}

/// SIOCETHTOOL: a question, which begins with its number, to an interface's driver. What follows the question in the
/// answer is of earlier ones.
///
/// # Errors
/// The driver's, or the kernel's; a question that is none of those known to fit the answer.
#[allow(unsafe_code, reason = "no safe wrapper among our dependencies knows these questions")]
pub(crate) fn ethtool<'a>(
    socket: &impl AsFd,
    interface: &str,
    question: &[u8],
    answer: &'a mut EthtoolAnswer,
) -> io::Result<&'a [u8]> {
    /// Driver, names, counts and link: they read, and the room is made for them.
    const KNOWN: [u32; 4] = [0x3, 0x1b, 0x1d, 0x4c];
    let number = question.first_chunk().map(|number| u32::from_ne_bytes(*number));
    if !number.is_some_and(|number| KNOWN.contains(&number)) || interface.len() >= libc::IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let room = answer.0.get_mut(..question.len()).ok_or(io::ErrorKind::InvalidInput)?;
    room.copy_from_slice(question);
    // SAFETY: `ifreq` is plain data, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.as_bytes()) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = answer.0.as_mut_ptr().cast();
    // SAFETY: the name ends with a zero byte, and the pointer is to memory of ours that lives through the call and is
    // larger than any answer to these questions; see `EthtoolAnswer::new`.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(&answer.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_answer() {
        let (name, offset) = local_zone(1_795_000_000).unwrap();
        assert!(!name.is_empty() && offset.abs() <= 14 * 3600);
        let (_, timex) = adjtimex().unwrap();
        assert!(timex.tick > 0);
    }
}

//! Calls of Linux that rustix has no safe form of.

use rustix::fd::{AsFd, AsRawFd as _};
use std::io;

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
    fn the_clock_answers() {
        let (_, timex) = adjtimex().unwrap();
        assert!(timex.tick > 0);
    }

    #[test]
    fn only_questions_that_fit_the_answer_are_passed_on() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut answer = EthtoolAnswer::new(1);
        // Setting features; a name that is too long; a question without its number.
        for (interface, question) in
            [("lo", vec![0x3b, 0, 0, 0]), ("a-name-that-is-far-too-long", vec![3, 0, 0, 0]), ("lo", vec![3])]
        {
            let error = ethtool(&socket, interface, &question, &mut answer).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{interface}");
        }
    }
}

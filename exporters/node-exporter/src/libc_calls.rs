//! The call of every Unix that rustix has no safe form of.

use std::ffi::CStr;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers() {
        let (name, offset) = local_zone(1_795_000_000).unwrap();
        assert!(!name.is_empty() && offset.abs() <= 14 * 3600);
    }
}

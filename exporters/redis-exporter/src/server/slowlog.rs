//! SLOWLOG: how many, and the last one's number and duration. Never what it was: arguments are other people's data.

use exporter_core::Page;
use redis::Value;

use crate::families::families;
use crate::reply;

families! { DESCS:
    LENGTH: 0 = gauge("redis_slowlog_length", "Entries of the slow log.", []);
    LAST_ID: 0 = gauge("redis_slowlog_last_id", "Number of the latest entry of the slow log.", []);
    LAST_DURATION: 0 = gauge("redis_last_slow_execution_duration_seconds", "Duration of the latest slow command, in seconds.", []);
}

pub(super) fn put(page: &mut Page, length: &Value, last: Option<&Value>) {
    if let Some(length) = reply::integer(length) {
        page.put(&LENGTH, [], length);
    }
    let entry = last.map(reply::items).unwrap_or_default().first().map(reply::items).unwrap_or_default();
    // As the peer: without an entry, zero.
    let (id, usec) = match entry {
        [id, _, usec, ..] => (reply::integer(id).unwrap_or(0), reply::number(usec).unwrap_or(0.0)),
        _ => (0, 0.0),
    };
    if last.is_some() {
        page.put(&LAST_ID, [], id);
        page.put(&LAST_DURATION, [], usec / 1e6);
    }
}

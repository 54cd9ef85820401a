//! Waiting on conditions, with a deadline.

use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Generous for a loaded two-core machine; a healthy run never comes near it.
pub const LONG: Duration = Duration::from_secs(60);

/// How often a condition is looked at: short against everything a test waits for, long against the cost of looking.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `ready` gives a value or `limit` is over. `Err` from `ready` is "not yet"; the last one ends up in the
/// message, so that a test which waits in vain says what it saw.
pub fn until<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        match ready() {
            Ok(value) => return Ok(value),
            Err(last) if Instant::now() >= end => {
                return Err(Error::new(format!("waited {limit:?} in vain for {what}; last seen: {last}")));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_value_as_soon_as_there_is_one() {
        let mut looks = 0;
        let got = until("three looks", LONG, || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(Error::new("too early")) }
        });
        assert_eq!(got.unwrap(), 3);
    }

    #[test]
    fn says_what_it_waited_for_and_what_it_saw() {
        let got: Result<()> = until("the moon", Duration::ZERO, || Err(Error::new("only clouds")));
        let text = got.unwrap_err().to_string();
        assert!(text.contains("the moon") && text.contains("only clouds"), "{text}");
    }
}

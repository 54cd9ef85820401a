//! Loopback ports no other test uses.

use std::fmt;
use std::fs::File;
use std::net::TcpListener;

use crate::{Error, Result};

/// Below what Linux hands out to outgoing connections (32768 and up), so that no client's socket takes the port in the
/// moment between our look and the server's bind.
const RANGE: std::ops::Range<u16> = 18_000..31_000;

/// A port that is free and stays this value's own: a lock file keeps tests in other processes off it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// The number.
    pub fn get(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:NUMBER`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// A free port. Keep the value as long as the server lives.
pub fn free() -> Result<Port> {
    let dir = std::env::temp_dir().join("exporters-test-ports");
    std::fs::create_dir_all(&dir).map_err(Error::context(format!("cannot create {}", dir.display())))?;
    // Concurrent test processes start looking at different places.
    let start = (std::process::id() as usize).wrapping_mul(37) % RANGE.len();
    for number in RANGE.cycle_from(start) {
        let path = dir.join(number.to_string());
        let Ok(lock) = File::options().create(true).append(true).open(&path) else { continue };
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
            return Ok(Port { number, _lock: lock });
        }
    }
    Err(Error::new(format!(
        "no free loopback port in {RANGE:?}; stop some servers, or clear {}",
        dir.display()
    )))
}

trait CycleFrom {
    fn cycle_from(self, start: usize) -> impl Iterator<Item = u16>;
}

impl CycleFrom for std::ops::Range<u16> {
    fn cycle_from(self, start: usize) -> impl Iterator<Item = u16> {
        self.clone().skip(start).chain(self.take(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn held_ports_differ_and_can_be_bound() {
        let held: Vec<Port> = (0..20).map(|_| free().unwrap()).collect();
        let numbers: BTreeSet<u16> = held.iter().map(Port::get).collect();
        assert_eq!(numbers.len(), 20);
        for port in &held {
            TcpListener::bind(port.address()).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_not_given_out() {
        let first = free().unwrap();
        let number = first.get();
        let _server = TcpListener::bind(first.address()).unwrap();
        drop(first);
        assert!((0..50).all(|_| free().unwrap().get() != number));
    }

    #[test]
    fn the_range_is_walked_once_from_anywhere() {
        assert_eq!((3..7).cycle_from(2).collect::<Vec<u16>>(), [5, 6, 3, 4]);
    }
}

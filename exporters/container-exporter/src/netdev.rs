//! `/proc/PID/net/dev`: the counters of a network namespace's interfaces.

use crate::text::{Malformed, fields, integer, lines};

/// Bytes, packets, errors and drops, received then transmitted.
pub(crate) type Counters = [u64; 8];

/// Interfaces that are another's end or nobody's traffic; what the peer leaves out too.
fn is_skipped(name: &str) -> bool {
    name == "lo" || ["veth", "docker", "nerdctl"].iter().any(|prefix| name.starts_with(prefix))
}

/// Calls `each` with every interface that counts.
pub(crate) fn parse(text: &[u8], mut each: impl FnMut(&str, Counters)) -> Result<(), Malformed> {
    const SHAPE: Malformed = Malformed("a net/dev file");
    let mut head = true;
    for line in lines(text) {
        let Some(at) = memchr::memrchr(b':', line) else {
            // Two lines of heading without a colon.
            if head { continue } else { return Err(SHAPE) }
        };
        head = false;
        let name = std::str::from_utf8(line[..at].trim_ascii()).map_err(|_| SHAPE)?;
        if is_skipped(name) {
            continue;
        }
        let mut numbers = [0; 16];
        let mut parts = fields(&line[at + 1..]);
        for number in &mut numbers {
            *number = parts.next().and_then(integer).ok_or(SHAPE)?;
        }
        each(
            name,
            [
                numbers[0],
                numbers[1],
                numbers[2],
                numbers[3],
                numbers[8],
                numbers[9],
                numbers[10],
                numbers[11],
            ],
        );
    }
    if head { Err(SHAPE) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   48056      87    0    0    0     0          0         0    48056      87    0    0    0     0       0          0
  eth0:  137413    1306    1    2    0     0          0         0   850623    1276    3    4    0     0       0          0
";

    #[test]
    fn reads_what_counts() {
        let mut found = Vec::new();
        parse(TEXT.as_bytes(), |name, counters| found.push((name.to_owned(), counters))).unwrap();
        assert_eq!(found, [("eth0".to_owned(), [137_413, 1306, 1, 2, 850_623, 1276, 3, 4])]);
    }

    #[test]
    fn refuses_what_is_cut_short() {
        assert!(parse(&TEXT.as_bytes()[..TEXT.len() - 20], |_, _| ()).is_err());
        assert!(parse(b"", |_, _| ()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = parse(&text, |_, _| ());
        }
    }
}

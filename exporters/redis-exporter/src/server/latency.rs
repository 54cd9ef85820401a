//! LATENCY LATEST and LATENCY HISTOGRAM.
//!
//! A server sends only the buckets of a command that changed, so each command has other bounds, and a sum over commands by
//! bound would be wrong: not even rising. Here a command has all bounds of the server's scale from its fastest call up to
//! the largest bound seen of any command.

use exporter_core::Page;
use redis::Value;

use crate::families::families;
use crate::info::put::Totals;
use crate::reply;

families! { DESCS:
    SPIKE: 1 = gauge("redis_latency_spike_duration_seconds", "Duration of the latest spike of a kind, in seconds.", ["event_name"]);
    SPIKE_TIME: 1 = gauge("redis_latency_spike_last", "When the latest spike of a kind was, in seconds since 1970.", ["event_name"]);
    LATENCIES: 1 = histogram("redis_commands_latencies_usec", "Latency of a command, in microseconds.", ["cmd"]);
}

/// Puts the latest spike of each kind.
pub(super) fn put_spikes(page: &mut Page, latest: &Value) {
    for event in reply::items(latest) {
        let [name, time, milliseconds, ..] = reply::items(event) else { continue };
        let (Some(name), Some(time), Some(ms)) =
            (reply::bytes(name), reply::integer(time), reply::number(milliseconds))
        else {
            continue;
        };
        page.put(&SPIKE_TIME, [&name], time);
        page.put(&SPIKE, [&name], ms / 1000.0);
    }
}

/// The common bounds. They only grow, so that series do not come and go.
#[derive(Debug)]
pub(super) struct Ladder {
    bounds: Vec<u64>,
    /// Steps of the server's scale that are in it.
    steps: u32,
    cumulated: Vec<(f64, u64)>,
}

/// Steps at the beginning: up to about a millisecond.
const FIRST: u32 = 11;
/// Steps at most: more than an hour. A bound beyond is not one of the scale.
const MOST: u32 = 33;

/// The server's scale: powers of two of 1.032 microseconds, cut to whole ones.
fn step(number: u32) -> u64 {
    (1032_u64 << number) / 1000
}

impl Default for Ladder {
    fn default() -> Self {
        Self { bounds: (0..FIRST).map(step).collect(), steps: FIRST, cumulated: Vec::new() }
    }
}

impl Ladder {
    /// Puts one histogram a command; sums come from the statistics of INFO.
    pub(super) fn put(&mut self, page: &mut Page, reply: &Value, mut totals: Totals<'_>) {
        for (_, histogram) in reply::pairs(reply) {
            // Both rise, so what is there already is found by going along.
            let mut at = 0;
            for (bound, _) in buckets(histogram) {
                while self.bounds.get(at).is_some_and(|own| *own < bound) {
                    at += 1;
                }
                if self.bounds.get(at) != Some(&bound) {
                    self.include(bound);
                }
            }
        }
        for (command, histogram) in reply::pairs(reply) {
            let mut known = buckets(histogram).peekable();
            let mut below = 0;
            self.cumulated.clear();
            for &bound in &self.bounds {
                while let Some(&(at, count)) = known.peek() {
                    if at > bound {
                        break;
                    }
                    below = count;
                    known.next();
                }
                // Nothing yet: a sum over commands misses nothing by a bucket of 0. Above, every bound counts.
                if below > 0 {
                    self.cumulated.push((bound as f64, below));
                }
            }
            let calls = reply::field(histogram, "calls").and_then(reply::integer);
            let calls = calls.and_then(|calls| u64::try_from(calls).ok()).unwrap_or(below).max(below);
            let usec = totals.of(command).1;
            page.histogram(&LATENCIES, [&command], self.cumulated.iter().copied(), calls, usec as f64);
        }
    }

    fn include(&mut self, bound: u64) {
        while self.steps < MOST && self.bounds.last().is_some_and(|last| *last < bound) {
            let next = step(self.steps);
            self.steps += 1;
            if let Err(at) = self.bounds.binary_search(&next) {
                self.bounds.insert(at, next);
            }
        }
        // Another server's scale; bounded, since nothing says how many there may be.
        if let Err(at) = self.bounds.binary_search(&bound)
            && self.bounds.len() < 2 * MOST as usize
        {
            self.bounds.insert(at, bound);
        }
    }
}

/// Upper bound and cumulated count.
fn buckets(histogram: &Value) -> impl Iterator<Item = (u64, u64)> {
    let usec = reply::field(histogram, "histogram_usec").map_or(&[][..], reply::items);
    usec.chunks_exact(2).filter_map(|pair| {
        let whole = |value| reply::integer(value).and_then(|number| u64::try_from(number).ok());
        Some((whole(&pair[0])?, whole(&pair[1])?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::info::Info;

    /// Name, calls, buckets.
    type Command<'a> = (&'a str, i64, &'a [(i64, i64)]);

    fn reply(commands: &[Command<'_>]) -> Value {
        let text = |text: &str| Value::BulkString(text.into());
        let mut all = Vec::new();
        for (name, calls, buckets) in commands {
            let usec = buckets.iter().flat_map(|(le, n)| [Value::Int(*le), Value::Int(*n)]).collect();
            all.push(text(name));
            all.push(Value::Array(vec![
                text("calls"),
                Value::Int(*calls),
                text("histogram_usec"),
                Value::Array(usec),
            ]));
        }
        Value::Array(all)
    }

    #[test]
    fn the_scale_is_the_servers() {
        let scale: Vec<u64> = (0..14).map(step).collect();
        assert_eq!(scale, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454]);
    }

    #[test]
    fn all_commands_get_rising_bounds_up_to_the_same_one() {
        let mut ladder = Ladder::default();
        let mut page = Page::new();
        let reply = reply(&[("get", 7, &[(4, 3), (33, 7)]), ("slow", 2, &[(16, 1), (4227, 2)])]);
        let info = Info::parse(b"cmdstat_get:calls=7,usec=70\r\n");
        ladder.put(&mut page, &reply, info.totals());
        assert_eq!(ladder.bounds.last(), Some(&4227));
        // Bounds but those below 4 and 16, +Inf, sum and count of two commands.
        assert_eq!(page.len(), 2 * (ladder.bounds.len() + 3) - 2 - 4);
        assert!(ladder.cumulated.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert_eq!(ladder.cumulated.first(), Some(&(16.0, 1)));
        assert_eq!(ladder.cumulated.last(), Some(&(4227.0, 2)));
    }

    #[test]
    fn odd_bounds_are_kept_and_bounded() {
        let mut ladder = Ladder::default();
        for bound in 0..1000 {
            ladder.include(bound * 7);
        }
        assert!(ladder.bounds.len() <= 3 * MOST as usize);
        assert!(ladder.bounds.windows(2).all(|pair| pair[0] < pair[1]));
        ladder.include(u64::MAX);
    }
}

//! LATENCY LATEST and LATENCY HISTOGRAM.
//!
//! A server sends only the buckets of a command that changed, so each command has other bounds, and a sum over commands by
//! bound would be wrong: not even rising. Here a command has all bounds of the server's scale from its fastest call up to
//! the largest bound seen of any command.

use exporter_core::Page;
use redis::Value;
use std::ops::Range;

use crate::families::families;
use crate::info::by_label;
use crate::info::put::Totals;
use crate::reply;
use crate::wire::{Item, Walk};

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
    /// Upper bounds and cumulated counts of all commands, one behind the other.
    buckets: Vec<(u64, u64)>,
}

/// What the server says of one command.
struct Histogram<'a> {
    command: &'a [u8],
    calls: u64,
    buckets: Range<usize>,
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
        Self { bounds: (0..FIRST).map(step).collect(), steps: FIRST, buckets: Vec::new() }
    }
}

impl Ladder {
    /// Puts one histogram a command; sums come from the statistics of INFO.
    pub(super) fn put(&mut self, page: &mut Page, reply: &[u8], mut totals: Totals<'_>) {
        let mut buckets = std::mem::take(&mut self.buckets);
        let mut all = histograms(reply, &mut buckets);
        all.sort_unstable_by(|a, b| by_label(a.command, b.command));
        for histogram in &all {
            // Both rise, so what is there already is found by going along.
            let mut at = 0;
            for (bound, _) in &buckets[histogram.buckets.clone()] {
                while self.bounds.get(at).is_some_and(|own| own < bound) {
                    at += 1;
                }
                if self.bounds.get(at) != Some(bound) {
                    self.include(*bound);
                }
            }
        }
        for Histogram { command, calls, buckets: own } in all {
            let own = &buckets[own];
            let total = own.last().map_or(0, |(_, below)| *below);
            let (mut known, mut below) = (own.iter().peekable(), 0);
            let cumulated = self.bounds.iter().filter_map(|bound| {
                while let Some((_, count)) = known.next_if(|(at, _)| at <= bound) {
                    below = *count;
                }
                // Nothing yet: a sum over commands misses nothing by a bucket of 0. Above, every bound counts.
                (below > 0).then_some((*bound as f64, below))
            });
            page.histogram(&LATENCIES, [&command], cumulated, calls.max(total), totals.of(command).1 as f64);
        }
        self.buckets = buckets;
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

/// Name and histogram in turn, each of these a map with `calls` and `histogram_usec`.
fn histograms<'a>(reply: &'a [u8], buckets: &mut Vec<(u64, u64)>) -> Vec<Histogram<'a>> {
    let mut all = Vec::new();
    buckets.clear();
    Walk::new(reply).pairs(|walk, command| {
        let (mut calls, begin) = (0, buckets.len());
        walk.pairs(|walk, name| match name {
            b"calls" => calls = walk.scalar().and_then(Item::whole).unwrap_or(0),
            b"histogram_usec" => {
                let count = walk.array();
                for _ in 0..count / 2 {
                    let (bound, below) = (walk.scalar(), walk.scalar());
                    buckets.extend(bound.and_then(Item::whole).zip(below.and_then(Item::whole)));
                }
                if count % 2 == 1 {
                    walk.pass();
                }
            }
            _ => walk.pass(),
        });
        all.push(Histogram { command, calls, buckets: begin..buckets.len() });
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::info::Info;

    /// Name, calls, buckets.
    type Command<'a> = (&'a str, i64, &'a [(i64, i64)]);

    fn reply(commands: &[Command<'_>]) -> Vec<u8> {
        let mut all = format!("*{}\r\n", 2 * commands.len());
        for (name, calls, buckets) in commands {
            let usec: String = buckets.iter().map(|(le, n)| format!(":{le}\r\n:{n}\r\n")).collect();
            let length = name.len();
            all += &format!("${length}\r\n{name}\r\n*4\r\n$5\r\ncalls\r\n:{calls}\r\n");
            all += &format!("$14\r\nhistogram_usec\r\n*{}\r\n{usec}", 2 * buckets.len());
        }
        all.into_bytes()
    }

    fn text(page: &Page) -> String {
        use exporter_core::exposition::{Assembly, Format, Options};
        let mut out = Vec::new();
        Assembly::new().write(&[page], &Options::new(Format::Text), &mut out);
        String::from_utf8(out).unwrap()
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
        let text = text(&page);
        let of = |line: &str| text.lines().find_map(|own| own.strip_prefix(line)?.strip_prefix(' '));
        let bucket =
            |le: &str| of(&format!("redis_commands_latencies_usec_bucket{{cmd=\"slow\",le=\"{le}\"}}"));
        let all = ["8", "16", "33", "2113", "4227", "+Inf"].map(bucket);
        assert_eq!(all, [None, Some("1"), Some("1"), Some("1"), Some("2"), Some("2")]);
        assert_eq!(of("redis_commands_latencies_usec_sum{cmd=\"get\"}"), Some("70"));
        assert_eq!(of("redis_commands_latencies_usec_count{cmd=\"get\"}"), Some("7"));
    }

    #[test]
    fn what_makes_no_sense_costs_itself() {
        let odd =
            b"*7\r\n+a\r\n:1\r\n+b\r\n*3\r\n+other\r\n*1\r\n:1\r\n+calls\r\n+c\r\n*4\r\n+calls\r\n:2\r\n\
            +histogram_usec\r\n*5\r\n+4\r\n:1\r\n$-1\r\n:2\r\n:8\r\n+odd\r\n";
        let mut buckets = Vec::new();
        let all = histograms(odd, &mut buckets);
        let rows: Vec<_> = all.iter().map(|one| (one.command, one.calls, one.buckets.len())).collect();
        assert_eq!(rows, [(&b"a"[..], 0, 0), (b"b", 0, 0), (b"c", 2, 1)]);
        assert_eq!(buckets, [(4, 1)]);
        for reply in [&b":1\r\n"[..], b"$-1\r\n", b"*0\r\n", b""] {
            assert!(histograms(reply, &mut buckets).is_empty());
        }
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

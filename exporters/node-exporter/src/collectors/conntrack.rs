//! Connection tracking: the table's size, and counters of `/proc/net/stat/nf_conntrack`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, fields, hexadecimal, lines};

pub(crate) static CONNTRACK: Collector = Collector {
    name: "conntrack",
    enabled: true,
    families: &[
        ENTRIES.desc(),
        LIMIT.desc(),
        FOUND.desc(),
        INVALID.desc(),
        IGNORE.desc(),
        INSERT.desc(),
        INSERT_FAILED.desc(),
        DROP.desc(),
        EARLY_DROP.desc(),
        SEARCH_RESTART.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<0> = Family::gauge(concat!("node_nf_conntrack_", $name), $help, &[]);
    )*};
}
families! {
    ENTRIES "entries" "Connections being tracked."
    LIMIT "entries_limit" "Connections that the table can hold."
    FOUND "stat_found" "Look-ups that found an entry."
    INVALID "stat_invalid" "Packets that cannot be tracked."
    IGNORE "stat_ignore" "Packets of connections tracked already."
    INSERT "stat_insert" "Entries inserted."
    INSERT_FAILED "stat_insert_failed" "Entries that could not be inserted."
    DROP "stat_drop" "Packets dropped because tracking failed."
    EARLY_DROP "stat_early_drop" "Entries dropped to make room."
    SEARCH_RESTART "stat_search_restart" "Look-ups begun again because the table was resized."
}

/// Family and column heading.
static COLUMNS: [(&Family<0>, &[u8]); 8] = [
    (&FOUND, b"found"),
    (&INVALID, b"invalid"),
    (&IGNORE, b"ignore"),
    (&INSERT, b"insert"),
    (&INSERT_FAILED, b"insert_failed"),
    (&DROP, b"drop"),
    (&EARLY_DROP, b"early_drop"),
    (&SEARCH_RESTART, b"search_restart"),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let count = context.proc("sys/net/netfilter/nf_conntrack_count");
    let limit = context.proc("sys/net/netfilter/nf_conntrack_max");
    let counters = context.proc_net("stat/nf_conntrack");
    let mut reader = Reader::short();
    Ok(source::custom(move |sink| {
        let (Some(entries), Some(limit)) = (reader.kept_integer(&count), reader.kept_integer(&limit)) else {
            return Err(CollectError::no_data("connection tracking is not in use"));
        };
        sink.put(&ENTRIES, [], entries);
        sink.put(&LIMIT, [], limit);
        match reader.parse(&counters, parse) {
            Ok(sums) => {
                for ((family, _), sum) in COLUMNS.iter().zip(sums) {
                    sink.put(family, [], sum);
                }
                Ok(())
            }
            // A kernel may be built without this file.
            Err(error) if error.is_absent() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }))
}

/// Headings, then a line of hexadecimal numbers a CPU: their sums, in the order of COLUMNS.
fn parse(text: &[u8]) -> Result<[u64; COLUMNS.len()], Malformed> {
    const MISSING: Malformed = Malformed::new("headings and hexadecimal numbers");
    let mut lines = lines(text);
    let headings: Vec<&[u8]> = fields(lines.next().ok_or(MISSING)?).collect();
    let places: Vec<Option<usize>> =
        headings.iter().map(|heading| COLUMNS.iter().position(|(_, name)| name == heading)).collect();
    if places.iter().flatten().next().is_none() {
        return Err(MISSING);
    }
    let mut sums = [0_u64; COLUMNS.len()];
    for line in lines {
        let mut count = 0;
        for (value, place) in fields(line).zip(&places) {
            if let Some(place) = place {
                sums[*place] = sums[*place].wrapping_add(hexadecimal(value).ok_or(MISSING)?);
            }
            count += 1;
        }
        if count < headings.len() {
            return Err(MISSING);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_cpus_by_heading() {
        let text = b"entries found  insert drop\n00000002 0000000a 1 0\n00000002 00000001 2 0\n";
        let sums = parse(text).unwrap();
        assert_eq!((sums[0], sums[3], sums[5]), (11, 3, 0));
        for bad in ["", "garbage\n", "entries found\n1\n", "entries found\n1 x\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

//! Load averages, from `/proc/loadavg`; see proc_loadavg(5).

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, number};

pub(crate) static LOADAVG: Collector = Collector {
    name: "loadavg",
    enabled: true,
    families: &[LOAD1.desc(), LOAD5.desc(), LOAD15.desc()],
    dynamic: &[],
};

pub(super) static LOAD1: Family<0> = Family::gauge("node_load1", "Load average over 1 minute.", &[]);
pub(super) static LOAD5: Family<0> = Family::gauge("node_load5", "Load average over 5 minutes.", &[]);
pub(super) static LOAD15: Family<0> = Family::gauge("node_load15", "Load average over 15 minutes.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::file(context.proc("loadavg"), |text, sink| {
        let [one, five, fifteen] = parse(text)?;
        sink.put(&LOAD1, [], one);
        sink.put(&LOAD5, [], five);
        sink.put(&LOAD15, [], fifteen);
        Ok(())
    }))
}

/// The averages over 1, 5 and 15 minutes.
fn parse(text: &[u8]) -> Result<[f64; 3], Malformed> {
    const MISSING: Malformed = Malformed::new("three load averages");
    let mut averages = fields(text).map(number);
    let mut next = || averages.next().flatten().ok_or(MISSING);
    Ok([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_first_three_fields() {
        assert_eq!(parse(b"0.21 0.37 1.40 1/719 19737\n"), Ok([0.21, 0.37, 1.40]));
    }

    #[test]
    fn refuses_what_is_cut_short() {
        for bad in ["", "0.21", "0.21 0.37\n", "a b c"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

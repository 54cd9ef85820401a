//! Open files of the whole host, from `/proc/sys/fs/file-nr`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, trim};

pub(crate) static FILEFD: Collector =
    Collector { name: "filefd", enabled: true, families: &[ALLOCATED.desc(), MAXIMUM.desc()], dynamic: &[] };

static ALLOCATED: Family<0> = Family::gauge("node_filefd_allocated", "File handles in use.", &[]);
static MAXIMUM: Family<0> = Family::gauge("node_filefd_maximum", "File handles that there may be.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::file(context.proc("sys/fs/file-nr"), |text, sink| {
        let (allocated, maximum) = parse(text)?;
        sink.put(&ALLOCATED, [], allocated);
        sink.put(&MAXIMUM, [], maximum);
        Ok(())
    }))
}

/// Three numbers; the second has been 0 since Linux 2.6.
fn parse(text: &[u8]) -> Result<(u64, u64), Malformed> {
    const MISSING: Malformed = Malformed::new("three numbers");
    let mut numbers = fields(trim(text)).map(integer);
    let mut next = || numbers.next().flatten().ok_or(MISSING);
    let (allocated, _, maximum) = (next()?, next()?, next()?);
    Ok((allocated, maximum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_third() {
        assert_eq!(parse(b"872\t0\t2466177\n"), Ok((872, 2_466_177)));
        for bad in ["", "872", "872\t0\tx\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

//! Control groups by controller, from `/proc/cgroups`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static CGROUPS: Collector =
    Collector { name: "cgroups", enabled: false, families: &[COUNT.desc(), ENABLED.desc()], dynamic: &[] };

static COUNT: Family<1> =
    Family::gauge("node_cgroups_cgroups", "Control groups of the controller.", &["subsys_name"]);
static ENABLED: Family<1> =
    Family::gauge("node_cgroups_enabled", "Whether the controller is enabled.", &["subsys_name"]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::optional_file(context.proc("cgroups"), "no control groups", |text, sink| {
        let all = parse(text)?;
        for (name, count, _) in &all {
            sink.put(&COUNT, [name], *count);
        }
        for (name, _, enabled) in &all {
            sink.put(&ENABLED, [name], *enabled);
        }
        Ok(())
    }))
}

/// Name, groups, and whether it is enabled.
type Controller<'a> = (&'a [u8], u64, u64);

/// Lines of a name, the hierarchy, groups and whether it is enabled, after a heading.
fn parse(text: &[u8]) -> Result<Vec<Controller<'_>>, Malformed> {
    const MISSING: Malformed = Malformed::new("a heading and controllers like `cpu 0 1 1`");
    let mut lines = lines(text);
    lines.next().filter(|heading| heading.starts_with(b"#")).ok_or(MISSING)?;
    lines
        .map(|line| {
            let mut parts = fields(line);
            let name = parts.next()?;
            let mut numbers = parts.skip(1).map(integer);
            Some((name, numbers.next()??, numbers.next()??))
        })
        .collect::<Option<_>>()
        .ok_or(MISSING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers() {
        let text = b"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t45\t1\nrdma\t0\t1\t0\n";
        assert_eq!(parse(text), Ok(vec![(b"cpu".as_slice(), 45, 1), (b"rdma".as_slice(), 1, 0)]));
        for bad in ["", "cpu 0 1 1\n", "#x\ncpu 0 1\n", "#x\ncpu 0 a 1\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

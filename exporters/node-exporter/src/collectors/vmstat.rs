//! Virtual memory counters, from `/proc/vmstat`. The kernel names the families; a flag selects them.

use exporter_core::{BoxedSource, Collector, ConfigError, Dynamic, Flag, Kind};

use crate::context::Context;
use crate::filter::Filter;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static VMSTAT: Collector =
    Collector { name: "vmstat", enabled: true, families: &[], dynamic: &[FIELD.desc()] };

static FIELD: Dynamic<0> = Dynamic::new(Kind::Untyped, "node_vmstat_", "Field {} of /proc/vmstat.", &[]);

const FIELDS: &str = "collector.vmstat.fields";

pub(crate) const FLAGS: &[Flag] = &[Flag::value(
    FIELDS,
    "^(oom_kill|pgpg|pswp|pg.*fault).*",
    "Fields of /proc/vmstat to report, as a regular expression.",
)];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut wanted = Filter::including(&context.settings, FIELDS)?;
    Ok(source::file(context.proc("vmstat"), move |text, sink| {
        parse(text, |name, value| {
            if wanted.selects(name) {
                sink.put_dynamic(&FIELD, name, [], value);
            }
        })
    }))
}

/// Calls `field` with each name and value.
fn parse(text: &[u8], mut field: impl FnMut(&[u8], u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `pgpgin 1`");
    if text.is_empty() {
        return Err(MISSING);
    }
    for line in lines(text) {
        let mut parts = fields(line);
        let name = parts.next().ok_or(MISSING)?;
        field(name, parts.next().and_then(integer).ok_or(MISSING)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        let mut all = Vec::new();
        parse(b"pgpgin 12\noom_kill 0\n", |name, value| all.push((name.to_vec(), value))).unwrap();
        assert_eq!(all, [(b"pgpgin".to_vec(), 12), (b"oom_kill".to_vec(), 0)]);
    }

    #[test]
    fn refuses_garbage() {
        for bad in ["", "pgpgin", "pgpgin x\n", "pgpgin 1\npgp"] {
            assert!(parse(bad.as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }
}

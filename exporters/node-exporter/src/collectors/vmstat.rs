//! Virtual memory counters, from `/proc/vmstat`. The kernel names the families; a flag selects them.

use exporter_core::{BoxedSource, Collector, ConfigError, Dynamic, Flag, Kind};

use crate::context::Context;
use crate::filter::Filter;
use crate::source;
use crate::text::counts;

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
        counts(text, |name, value| {
            if wanted.selects(name) {
                sink.put_dynamic(&FIELD, name, [], value);
            }
        })
    }))
}

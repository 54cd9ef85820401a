//! Tasks that the kernel found hung, from a sysctl of Linux 6.13 and later.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, integer, trim};

pub(crate) static KERNEL_HUNG: Collector =
    Collector { name: "kernel_hung", enabled: true, families: &[TASKS.desc()], dynamic: &[] };

static TASKS: Family<0> = Family::counter(
    "node_kernel_hung_tasks_total",
    "Tasks that the kernel found hung since it was booted.",
    &[],
);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let path = context.proc("sys/kernel/hung_task_detect_count");
    Ok(source::optional_file(path, "the kernel does not count hung tasks", |text, sink| {
        let tasks = integer(trim(text)).ok_or(Malformed::new("a number"))?;
        sink.put(&TASKS, [], tasks);
        Ok(())
    }))
}

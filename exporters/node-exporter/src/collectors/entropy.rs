//! The kernel's entropy, from `/proc/sys/kernel/random`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, integer, trim};

pub(crate) static ENTROPY: Collector =
    Collector { name: "entropy", enabled: true, families: &[AVAILABLE.desc(), POOL.desc()], dynamic: &[] };

static AVAILABLE: Family<0> =
    Family::gauge("node_entropy_available_bits", "Entropy that the kernel has gathered.", &[]);
static POOL: Family<0> = Family::gauge("node_entropy_pool_size_bits", "Size of the entropy pool.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let available = context.proc("sys/kernel/random/entropy_avail");
    let pool_path = context.proc("sys/kernel/random/poolsize");
    let mut reader = Reader::short();
    // The pool's size is built into the kernel.
    let mut pool = None;
    Ok(source::custom(move |sink| {
        sink.put(&AVAILABLE, [], reader.parse(&available, parse)?);
        if pool.is_none() {
            pool = Some(reader.parse(&pool_path, parse)?);
        }
        if let Some(pool) = pool {
            sink.put(&POOL, [], pool);
        }
        Ok(())
    }))
}

fn parse(text: &[u8]) -> Result<u64, Malformed> {
    integer(trim(text)).ok_or(Malformed::new("a number"))
}

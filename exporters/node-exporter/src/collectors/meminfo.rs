//! Memory, from `/proc/meminfo`; see proc_meminfo(5). The kernel names the families.

use exporter_core::{BoxedSource, Collector, ConfigError, Dynamic, Kind};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static MEMINFO: Collector =
    Collector { name: "meminfo", enabled: true, families: &[], dynamic: &[BYTES.desc(), COUNT.desc()] };

pub(super) static BYTES: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "node_memory_", "Field {} of /proc/meminfo, in bytes.", &[]).suffix("_bytes");
static COUNT: Dynamic<0> = Dynamic::new(Kind::Gauge, "node_memory_", "Field {} of /proc/meminfo.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::file(context.proc("meminfo"), |text, sink| {
        parse(text, |name, value| match value {
            Amount::Bytes(bytes) => sink.put_dynamic(&BYTES, name, [], bytes),
            Amount::Count(count) => sink.put_dynamic(&COUNT, name, [], count),
        })
    }))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Amount {
    Bytes(u64),
    Count(u64),
}

/// Calls `field` with each name and amount.
fn parse(text: &[u8], mut field: impl FnMut(&[u8], Amount)) -> Result<(), Malformed> {
    if text.is_empty() {
        return Err(MISSING);
    }
    let mut name = Vec::new();
    for line in lines(text) {
        let amount = amount(fields(line), &mut name)?;
        field(&name, amount);
    }
    Ok(())
}

const MISSING: Malformed = Malformed::new("a field like `MemTotal: 1024 kB`");

/// The amount that a line says, and its name (`Active(anon)` as `Active_anon`).
pub(super) fn amount<'t>(
    mut parts: impl Iterator<Item = &'t [u8]>,
    name: &mut Vec<u8>,
) -> Result<Amount, Malformed> {
    let key = parts.next().and_then(|key| key.strip_suffix(b":")).ok_or(MISSING)?;
    let value = parts.next().and_then(integer).ok_or(MISSING)?;
    name.clear();
    name.extend(key.iter().filter(|&&byte| byte != b')').map(|&b| if b == b'(' { b'_' } else { b }));
    match parts.next() {
        Some(b"kB") => Ok(Amount::Bytes(value.saturating_mul(1024))),
        Some(_) => Err(MISSING),
        None => Ok(Amount::Count(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, Amount)>, Malformed> {
        let mut all = Vec::new();
        parse(text.as_bytes(), |name, amount| {
            all.push((String::from_utf8_lossy(name).into_owned(), amount))
        })?;
        Ok(all)
    }

    #[test]
    fn kilobytes_become_bytes_and_counts_stay() {
        let text = "MemTotal:       24613808 kB\nActive(anon):     1 kB\nHugePages_Total:       2\n";
        assert_eq!(
            parsed(text).unwrap(),
            [
                ("MemTotal".into(), Amount::Bytes(24_613_808 * 1024)),
                ("Active_anon".into(), Amount::Bytes(1024)),
                ("HugePages_Total".into(), Amount::Count(2)),
            ]
        );
    }

    #[test]
    fn refuses_garbage() {
        for bad in ["", "MemTotal", "MemTotal: kB", "MemTotal: 1 MB", "\0\0"] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}

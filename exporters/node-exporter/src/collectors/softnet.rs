//! Packets as CPUs take them from interfaces, from `/proc/net/softnet_stat`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, hexadecimal, lines};

pub(crate) static SOFTNET: Collector = Collector {
    name: "softnet",
    enabled: true,
    families: &[
        PROCESSED.desc(),
        DROPPED.desc(),
        SQUEEZED.desc(),
        COLLISIONS.desc(),
        RPS.desc(),
        FLOW_LIMIT.desc(),
        BACKLOG.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<1> = Family::$kind(concat!("node_softnet_", $name), $help, &["cpu"]);
    )*};
}
families! {
    PROCESSED counter "processed_total" "Packets processed."
    DROPPED counter "dropped_total" "Packets dropped because the backlog was full."
    SQUEEZED counter "times_squeezed_total" "Times that work was left over when the budget was spent."
    COLLISIONS counter "cpu_collision_total" "Times that the transmit lock was held by another CPU."
    RPS counter "received_rps_total" "Wake-ups by other CPUs to process packets."
    FLOW_LIMIT counter "flow_limit_count_total" "Times that the flow limit was reached."
    BACKLOG gauge "backlog_len" "Packets in the backlog."
}

/// Family and column. Old kernels have fewer columns.
static COLUMNS: [(&Family<1>, usize); 7] = [
    (&PROCESSED, 0),
    (&DROPPED, 1),
    (&SQUEEZED, 2),
    (&COLLISIONS, 8),
    (&RPS, 9),
    (&FLOW_LIMIT, 10),
    (&BACKLOG, 11),
];
/// The column with the CPU's number; the lines of CPUs that are off are missing.
const CPU: usize = 12;

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::optional_file(
        context.proc_net("softnet_stat"),
        "no softnet_stat in /proc/net",
        |text, sink| {
            let cpus = parse(text)?;
            for (family, column) in COLUMNS {
                for (at, columns) in cpus.iter().enumerate() {
                    let cpu = columns.get(CPU).copied().unwrap_or(at as u64);
                    if let Some(value) = columns.get(column) {
                        sink.put(family, [&cpu], *value);
                    }
                }
            }
            Ok(())
        },
    ))
}

/// One line of hexadecimal numbers a CPU.
fn parse(text: &[u8]) -> Result<Vec<Vec<u64>>, Malformed> {
    const MISSING: Malformed = Malformed::new("at least nine hexadecimal numbers a line");
    let cpus: Vec<Vec<u64>> = lines(text)
        .map(|line| fields(line).map(|field| hexadecimal(field).ok_or(MISSING)).collect())
        .collect::<Result<_, _>>()?;
    if cpus.is_empty() || cpus.iter().any(|columns| columns.len() < 9) { Err(MISSING) } else { Ok(cpus) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_columns() {
        let cpus = parse(b"0000000a 1 2 3 4 5 6 7 8 9 a b 3\n").unwrap();
        assert_eq!((cpus[0][0], cpus[0][CPU]), (10, 3));
        for bad in ["", "1 2 3\n", "x 1 2 3 4 5 6 7 8\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

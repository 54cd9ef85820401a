//! The machine: what dashboards divide by. It does not change, so it is read once.

use exporter_core::{BlockingSource, BoxedSource, CollectError, Scrape, Sink};
use std::collections::BTreeSet;
use std::path::Path;

use super::families::*;
use crate::options::Options;
use crate::text::{fields, integer, lines};

struct Machine {
    options: Options,
    facts: Option<Facts>,
}

#[derive(Debug, Default, PartialEq)]
struct Facts {
    cores: u64,
    physical: u64,
    sockets: u64,
    memory: u64,
    swap: u64,
    ids: [String; 3],
}

pub(crate) fn source(options: &Options) -> BoxedSource {
    BoxedSource::blocking(Machine { options: options.clone(), facts: None })
}

impl BlockingSource for Machine {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let facts = match &mut self.facts {
            Some(facts) => facts,
            unread => match read(&self.options) {
                Ok(facts) => unread.insert(facts),
                Err(error) => {
                    sink.put(&MACHINE_SCRAPE_ERROR, [], 1_u64);
                    sink.commit();
                    return Err(error);
                }
            },
        };
        sink.put(&MACHINE_SCRAPE_ERROR, [], 0_u64);
        for (family, value) in [
            (&CORES, facts.cores),
            (&PHYSICAL_CORES, facts.physical),
            (&SOCKETS, facts.sockets),
            (&MACHINE_MEMORY, facts.memory),
            (&MACHINE_SWAP, facts.swap),
        ] {
            let [boot, machine, system] = &facts.ids;
            sink.put(family, [boot, machine, system], value);
        }
        Ok(())
    }
}

fn read(options: &Options) -> Result<Facts, CollectError> {
    let line =
        |path: &Path| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let memory = std::fs::read(options.procfs.join("meminfo"))?;
    let stat = std::fs::read(options.procfs.join("stat"))?;
    let cores = cores(&stat);
    let (physical, sockets) = topology(&options.sysfs.join("devices/system/cpu"), cores);
    Ok(Facts {
        cores,
        physical,
        sockets,
        memory: kilobytes(&memory, b"MemTotal:"),
        swap: kilobytes(&memory, b"SwapTotal:"),
        ids: [
            line(&options.procfs.join("sys/kernel/random/boot_id")),
            line(&options.rootfs.join("etc/machine-id")),
            line(&options.sysfs.join("class/dmi/id/product_uuid")),
        ],
    })
}

fn cores(stat: &[u8]) -> u64 {
    let is_core = |line: &&[u8]| {
        line.strip_prefix(b"cpu").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
    };
    lines(stat).filter(is_core).count() as u64
}

fn kilobytes(meminfo: &[u8], key: &[u8]) -> u64 {
    lines(meminfo)
        .find_map(|line| {
            let mut parts = fields(line);
            parts.next().filter(|name| *name == key).and_then(|_| integer(parts.next()?))
        })
        .map_or(0, |kilobytes| kilobytes.saturating_mul(1024))
}

/// Cores and sockets; without a topology each CPU is a core of one socket.
fn topology(directory: &Path, cores: u64) -> (u64, u64) {
    let number = |path: &Path| std::fs::read_to_string(path).ok()?.trim().parse::<i64>().ok();
    let mut all = BTreeSet::new();
    for cpu in 0..cores {
        let topology = directory.join(format!("cpu{cpu}/topology"));
        let socket = number(&topology.join("physical_package_id")).unwrap_or(0);
        all.insert((socket, number(&topology.join("core_id")).unwrap_or(i64::try_from(cpu).unwrap_or(0))));
    }
    let sockets = all.iter().map(|(socket, _)| socket).collect::<BTreeSet<_>>().len();
    (all.len() as u64, sockets as u64)
}

/// The peer's family of versions; dashboards show them.
pub(crate) fn put_version(sink: &mut Sink) {
    let system = rustix::system::uname();
    let kernel = system.release().to_string_lossy();
    let own = env!("CARGO_PKG_VERSION");
    sink.put(&VERSION_INFO, [&kernel.as_ref(), &"", &"", &own, &""], 1_u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_a_machine() {
        let dir = exporter_testkit::fixture::tree(&[
            ("cpu0/topology/physical_package_id", "0\n"),
            ("cpu0/topology/core_id", "0\n"),
            ("cpu1/topology/physical_package_id", "0\n"),
            ("cpu1/topology/core_id", "0\n"),
            ("cpu2/topology/physical_package_id", "1\n"),
            ("cpu2/topology/core_id", "0\n"),
        ])
        .unwrap();
        assert_eq!(topology(dir.path(), 3), (2, 2));
        assert_eq!(topology(Path::new("/nowhere"), 4), (4, 1));
        assert_eq!(cores(b"cpu  1 2\ncpu0 1\ncpu1 2\nintr 5\n"), 2);
        assert_eq!(kilobytes(b"MemTotal:  2 kB\nSwapTotal: 1 kB\n", b"SwapTotal:"), 1024);
    }
}

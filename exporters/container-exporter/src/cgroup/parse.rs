//! What the files of a cgroup say, of either version. Pure.

use crate::text::{Malformed, fields, integer, keyed, lines};

/// Bytes and requests of one device, as the kernel counts them for the cgroup.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct DeviceIo {
    pub(crate) device: (u32, u32),
    pub(crate) read_bytes: u64,
    pub(crate) write_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

/// Memory as both versions have it; what a version lacks stays `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct MemoryStat {
    pub(crate) cache: Option<u64>,
    pub(crate) rss: Option<u64>,
    pub(crate) swap: Option<u64>,
    pub(crate) mapped_file: Option<u64>,
    pub(crate) kernel: Option<u64>,
    pub(crate) active_file: Option<u64>,
    pub(crate) inactive_file: Option<u64>,
    pub(crate) pgfault: Option<u64>,
    pub(crate) pgmajfault: Option<u64>,
    pub(crate) file_dirty: Option<u64>,
    pub(crate) file_writeback: Option<u64>,
    pub(crate) pgscan: Option<u64>,
    pub(crate) pgsteal: Option<u64>,
    pub(crate) refault_anon: Option<u64>,
    pub(crate) refault_file: Option<u64>,
}

/// `memory.stat` of version 1: the `total_` lines, which count children too.
pub(crate) fn memory_stat_v1(text: &[u8]) -> Result<MemoryStat, Malformed> {
    let mut stat = MemoryStat::default();
    keyed(text, |key, value| {
        let field = match key {
            b"total_cache" => &mut stat.cache,
            b"total_rss" => &mut stat.rss,
            b"total_swap" => &mut stat.swap,
            b"total_mapped_file" => &mut stat.mapped_file,
            b"total_active_file" => &mut stat.active_file,
            b"total_inactive_file" => &mut stat.inactive_file,
            b"total_pgfault" => &mut stat.pgfault,
            b"total_pgmajfault" => &mut stat.pgmajfault,
            _ => return,
        };
        *field = Some(value);
    })?;
    complete(stat)
}

/// `memory.stat` of version 2.
pub(crate) fn memory_stat_v2(text: &[u8]) -> Result<MemoryStat, Malformed> {
    let mut stat = MemoryStat::default();
    keyed(text, |key, value| {
        let field = match key {
            b"file" => &mut stat.cache,
            b"anon" => &mut stat.rss,
            b"file_mapped" => &mut stat.mapped_file,
            b"kernel" => &mut stat.kernel,
            b"active_file" => &mut stat.active_file,
            b"inactive_file" => &mut stat.inactive_file,
            b"pgfault" => &mut stat.pgfault,
            b"pgmajfault" => &mut stat.pgmajfault,
            b"file_dirty" => &mut stat.file_dirty,
            b"file_writeback" => &mut stat.file_writeback,
            b"pgscan" => &mut stat.pgscan,
            b"pgsteal" => &mut stat.pgsteal,
            b"workingset_refault_anon" => &mut stat.refault_anon,
            b"workingset_refault_file" => &mut stat.refault_file,
            _ => return,
        };
        *field = Some(value);
    })?;
    complete(stat)
}

fn complete(stat: MemoryStat) -> Result<MemoryStat, Malformed> {
    if stat.cache.is_none() || stat.rss.is_none() {
        return Err(Malformed("a whole memory.stat"));
    }
    Ok(stat)
}

/// `memory.events` of version 2: high, max, oom_kill.
pub(crate) fn memory_events(text: &[u8]) -> Result<[Option<u64>; 3], Malformed> {
    let mut found = [None; 3];
    keyed(text, |key, value| match key {
        b"high" => found[0] = Some(value),
        b"max" => found[1] = Some(value),
        b"oom_kill" => found[2] = Some(value),
        _ => {}
    })?;
    Ok(found)
}

/// One value of a keyed file.
pub(crate) fn value_of(text: &[u8], wanted: &[u8]) -> Result<Option<u64>, Malformed> {
    let mut found = None;
    keyed(text, |key, value| {
        if key == wanted {
            found = Some(value);
        }
    })?;
    Ok(found)
}

/// CPU time and throttling, in seconds; from `cpu.stat` of either version.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CpuStat {
    pub(crate) usage: Option<f64>,
    pub(crate) user: Option<f64>,
    pub(crate) system: Option<f64>,
    pub(crate) periods: Option<u64>,
    pub(crate) throttled_periods: Option<u64>,
    pub(crate) throttled: Option<f64>,
    pub(crate) bursts: Option<u64>,
    pub(crate) burst: Option<f64>,
}

const MICRO: f64 = 1e6;
const NANO: f64 = 1e9;

/// `cpu.stat`: microseconds in version 2, nanoseconds (under other names) in version 1.
pub(crate) fn cpu_stat(text: &[u8]) -> Result<CpuStat, Malformed> {
    let mut stat = CpuStat::default();
    keyed(text, |key, value| match key {
        b"usage_usec" => stat.usage = Some(value as f64 / MICRO),
        b"user_usec" => stat.user = Some(value as f64 / MICRO),
        b"system_usec" => stat.system = Some(value as f64 / MICRO),
        b"nr_periods" => stat.periods = Some(value),
        b"nr_throttled" => stat.throttled_periods = Some(value),
        b"throttled_usec" => stat.throttled = Some(value as f64 / MICRO),
        b"throttled_time" => stat.throttled = Some(value as f64 / NANO),
        b"nr_bursts" => stat.bursts = Some(value),
        b"burst_usec" => stat.burst = Some(value as f64 / MICRO),
        b"burst_time" => stat.burst = Some(value as f64 / NANO),
        _ => {}
    })?;
    Ok(stat)
}

/// A pressure file: seconds in which some, and all, tasks waited. The root's cpu file may lack `full`.
pub(crate) fn pressure(text: &[u8]) -> Result<[Option<f64>; 2], Malformed> {
    const SHAPE: Malformed = Malformed("a pressure file");
    let mut found = [None; 2];
    for line in lines(text) {
        let mut parts = fields(line);
        let place = match parts.next() {
            Some(b"some") => 0,
            Some(b"full") => 1,
            _ => return Err(SHAPE),
        };
        let total = parts.find_map(|part| part.strip_prefix(b"total=")).and_then(integer).ok_or(SHAPE)?;
        found[place] = Some(total as f64 / MICRO);
    }
    found[0].ok_or(SHAPE)?;
    Ok(found)
}

fn device(field: &[u8]) -> Option<(u32, u32)> {
    let at = memchr::memchr(b':', field)?;
    let half = |part| integer(part).and_then(|number| u32::try_from(number).ok());
    Some((half(&field[..at])?, half(&field[at + 1..])?))
}

/// The line's device among those found so far, added if it is new.
fn entry(all: &mut Vec<DeviceIo>, device: (u32, u32)) -> &mut DeviceIo {
    let at = all.iter().position(|io| io.device == device).unwrap_or_else(|| {
        all.push(DeviceIo { device, ..DeviceIo::default() });
        all.len() - 1
    });
    &mut all[at]
}

/// Which of the two blkio files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Blkio {
    Bytes,
    Requests,
}

/// A blkio file of version 1: lines `8:0 Read 4096`, and a `Total` without a device.
pub(crate) fn blkio(text: &[u8], what: Blkio, all: &mut Vec<DeviceIo>) -> Result<(), Malformed> {
    const SHAPE: Malformed = Malformed("a blkio file");
    for line in lines(text) {
        let mut parts = fields(line);
        let (Some(first), Some(operation), value) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SHAPE);
        };
        let Some(value) = value else { if first == b"Total" { continue } else { return Err(SHAPE) } };
        let value = integer(value).ok_or(SHAPE)?;
        let io = entry(all, device(first).ok_or(SHAPE)?);
        match (what, operation) {
            (Blkio::Bytes, b"Read") => io.read_bytes = value,
            (Blkio::Bytes, b"Write") => io.write_bytes = value,
            (Blkio::Requests, b"Read") => io.reads = value,
            (Blkio::Requests, b"Write") => io.writes = value,
            _ => {}
        }
    }
    Ok(())
}

/// `io.stat` of version 2: a line a device. A device without traffic has no values.
pub(crate) fn io_stat(text: &[u8], all: &mut Vec<DeviceIo>) -> Result<(), Malformed> {
    const SHAPE: Malformed = Malformed("an io.stat file");
    for line in lines(text) {
        let mut parts = fields(line);
        let Some(number) = parts.next().and_then(device) else { return Err(SHAPE) };
        for part in parts {
            let Some(at) = memchr::memchr(b'=', part) else { continue };
            let field: fn(&mut DeviceIo) -> &mut u64 = match &part[..at] {
                b"rbytes" => |io| &mut io.read_bytes,
                b"wbytes" => |io| &mut io.write_bytes,
                b"rios" => |io| &mut io.reads,
                b"wios" => |io| &mut io.writes,
                _ => continue,
            };
            *field(entry(all, number)) = integer(&part[at + 1..]).ok_or(SHAPE)?;
        }
    }
    Ok(())
}

/// `cpu.max`: quota (if there is one) and period, in microseconds.
pub(crate) fn cpu_max(text: &[u8]) -> Result<(Option<u64>, u64), Malformed> {
    const SHAPE: Malformed = Malformed("a quota and a period");
    let mut parts = fields(text.trim_ascii());
    let quota = match parts.next() {
        Some(b"max") => None,
        Some(number) => Some(integer(number).ok_or(SHAPE)?),
        None => return Err(SHAPE),
    };
    Ok((quota, parts.next().and_then(integer).ok_or(SHAPE)?))
}

/// The paths in `/proc/PID/cgroup`: for a controller of version 1, or of the one tree (`""`) of version 2.
pub(crate) fn path_of<'a>(text: &'a [u8], controller: &[u8]) -> Option<&'a [u8]> {
    lines(text).find_map(|line| {
        let mut parts = line.splitn(3, |&byte| byte == b':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let found = match controller {
            b"" => controllers.is_empty(),
            one => controllers.split(|&byte| byte == b',').any(|name| name == one),
        };
        found.then_some(path)
    })
}

/// The 64 hexadecimal digits in a directory's name by which engines name the cgroup of a container, if it is one.
pub(crate) fn container_id(name: &str) -> Option<&str> {
    // The helpers that engines start beside a container carry its id too.
    if name.contains("conmon") {
        return None;
    }
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = name.rsplit(['-', ':']).next()?;
    (id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blkio_of_version_1() {
        let mut all = Vec::new();
        blkio(b"254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 1\nTotal 12288\n", Blkio::Bytes, &mut all)
            .unwrap();
        blkio(b"254:0 Read 1\n254:0 Write 2\nTotal 3\n", Blkio::Requests, &mut all).unwrap();
        let expected =
            DeviceIo { device: (254, 0), read_bytes: 4096, write_bytes: 8192, reads: 1, writes: 2 };
        assert_eq!(all, [expected]);
        assert!(blkio(b"254:0 Read\n", Blkio::Bytes, &mut all).is_err());
    }

    #[test]
    fn io_of_version_2() {
        let mut all = Vec::new();
        io_stat(b"8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0\n", &mut all)
            .unwrap();
        let expected = DeviceIo {
            device: (8, 16),
            read_bytes: 1_459_200,
            write_bytes: 314_773_504,
            reads: 192,
            writes: 353,
        };
        assert_eq!(all, [expected]);
    }

    #[test]
    fn pressure_in_seconds() {
        let text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=38761\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=36890\n";
        assert_eq!(pressure(text), Ok([Some(0.038761), Some(0.03689)]));
        assert_eq!(pressure(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"), Ok([Some(1e-6), None]));
        assert!(pressure(b"").is_err());
    }

    #[test]
    fn cpu_of_both_versions() {
        let two = cpu_stat(
            b"usage_usec 584912\nuser_usec 370564\nsystem_usec 214348\nnr_periods 3\nthrottled_usec 500000\n",
        );
        let two = two.unwrap();
        assert_eq!((two.usage, two.periods, two.throttled), (Some(0.584912), Some(3), Some(0.5)));
        let one = cpu_stat(b"nr_periods 4\nnr_throttled 2\nthrottled_time 1500000000\n").unwrap();
        assert_eq!((one.usage, one.throttled_periods, one.throttled), (None, Some(2), Some(1.5)));
        assert_eq!(cpu_max(b"max 100000\n"), Ok((None, 100_000)));
        assert_eq!(cpu_max(b"50000 100000\n"), Ok((Some(50_000), 100_000)));
    }

    #[test]
    fn names_of_containers() {
        let id = "bb7a88a3d984e69c9d6267f8f23957b600498bb279204d8394f12e65ac60dae1";
        for name in [
            id.to_owned(),
            format!("docker-{id}.scope"),
            format!("libpod-{id}"),
            format!("cri-containerd-{id}.scope"),
        ] {
            assert_eq!(container_id(&name), Some(id), "{name}");
        }
        for name in ["docker", "user.slice", &format!("libpod-conmon-{id}.scope"), &id[1..]] {
            assert_eq!(container_id(name), None, "{name}");
        }
    }

    #[test]
    fn a_process_knows_its_cgroups() {
        let text = b"4:memory:/docker/x\n2:cpu,cpuacct:/docker/y\n0::/docker/z\n";
        assert_eq!(path_of(text, b"memory"), Some(&b"/docker/x"[..]));
        assert_eq!(path_of(text, b"cpuacct"), Some(&b"/docker/y"[..]));
        assert_eq!(path_of(text, b""), Some(&b"/docker/z"[..]));
        assert_eq!(path_of(text, b"pids"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_them_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut all = Vec::new();
            let _ = (memory_stat_v1(&text), memory_stat_v2(&text), memory_events(&text), cpu_stat(&text));
            let _ = (pressure(&text), blkio(&text, Blkio::Bytes, &mut all), io_stat(&text, &mut all), cpu_max(&text));
            let _ = (path_of(&text, b"memory"), container_id(&String::from_utf8_lossy(&text)));
        }

        #[test]
        fn keyed_files_read_back(values in proptest::collection::vec(any::<u64>(), 3)) {
            let text = format!("cache 1\ntotal_cache {}\ntotal_rss {}\ntotal_swap {}\n", values[0], values[1], values[2]);
            let stat = memory_stat_v1(text.as_bytes()).unwrap();
            prop_assert_eq!([stat.cache, stat.rss, stat.swap], [Some(values[0]), Some(values[1]), Some(values[2])]);
        }
    }
}

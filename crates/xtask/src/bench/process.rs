//! What /proc says about a process: processor time and memory.

use anyhow::{Context, Result, bail};

/// Processor time since a process began, in seconds, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cpu {
    /// Sum over its threads, in nanoseconds; threads that have ended are missing.
    pub(super) threads: f64,
    /// Of the process, ended threads included, in ticks of 10 ms: needs many scrapes to say something.
    pub(super) ticks: f64,
}

/// Reads both clocks.
pub(super) fn cpu(pid: u32) -> Result<Cpu> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).context(path)?;
    let mut threads = 0.0;
    let tasks = format!("/proc/{pid}/task");
    for entry in std::fs::read_dir(&tasks).context(tasks)? {
        // A thread may end while we look.
        if let Ok(text) = std::fs::read_to_string(entry?.path().join("schedstat")) {
            threads += parse_schedstat(&text)?;
        }
    }
    Ok(Cpu { threads, ticks: parse_stat(&text)? })
}

/// Processor time of a process, of its children that run, and of those that have ended, in ticks.
pub(super) fn family_ticks(pid: u32) -> Result<f64> {
    let read = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let own = read(&pid.to_string()).with_context(|| format!("the server, process {pid}"))?;
    let mut sum = parse_stat(&own)? + parse_ended(&own)?;
    let path = format!("/proc/{pid}/task/{pid}/children");
    for child in std::fs::read_to_string(&path).context(path)?.split_whitespace() {
        // One may end while we look; its time is its parent's then.
        if let Ok(text) = read(child) {
            sum += parse_stat(&text)?;
        }
    }
    Ok(sum)
}

/// Resident memory in bytes.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    parse_resident(&std::fs::read_to_string(&path).context(path)?)
}

/// Seconds all processors together were busy since the start of the machine.
pub(super) fn machine_busy() -> Result<f64> {
    parse_machine(&std::fs::read_to_string("/proc/stat").context("/proc/stat")?)
}

fn ticks_to_seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn parse_stat(text: &str) -> Result<f64> {
    parse_times(text, [11, 12])
}

/// The same of children that have ended.
fn parse_ended(text: &str) -> Result<f64> {
    parse_times(text, [13, 14])
}

fn parse_times(text: &str, fields_at: [usize; 2]) -> Result<f64> {
    // The name in brackets may hold anything, spaces and brackets too.
    let after = text.rsplit_once(')').map(|(_, after)| after).context("/proc/PID/stat has no name")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let [user, system] = fields_at.map(|at| fields.get(at).and_then(|field| field.parse::<u64>().ok()));
    let (Some(user), Some(system)) = (user, system) else { bail!("/proc/PID/stat is too short: {text:?}") };
    Ok(ticks_to_seconds(user + system))
}

fn parse_schedstat(text: &str) -> Result<f64> {
    let first = text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
    Ok(first.with_context(|| format!("schedstat: {text:?}"))? as f64 / 1e9)
}

fn parse_resident(text: &str) -> Result<u64> {
    let line =
        text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS: has it ended?")?;
    let kilobytes = line.trim().strip_suffix("kB").and_then(|number| number.trim().parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("VmRSS: {line:?}"))? * 1024)
}

fn parse_machine(text: &str) -> Result<f64> {
    let line =
        text.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("/proc/stat: no cpu line")?;
    let all: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|at| all.get(*at)).sum();
    Ok(ticks_to_seconds(busy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_an_awkward_name() {
        let text = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 3 4 20 0 1 0 5 1000 10";
        assert_eq!(parse_stat(text).unwrap(), ticks_to_seconds(200));
        assert_eq!(parse_ended(text).unwrap(), ticks_to_seconds(7));
        assert!(parse_stat("7 (a) S 1").is_err());
    }

    #[test]
    fn other_files() {
        assert_eq!(parse_schedstat("1500000000 20 3\n").unwrap(), 1.5);
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t    2048 kB\n").unwrap(), 2048 * 1024);
        assert!(parse_resident("Name:\tx\n").is_err());
        assert_eq!(parse_machine("cpu  10 20 30 999 999 1 2 999\ncpu0 1\n").unwrap(), ticks_to_seconds(63));
    }

    #[test]
    fn this_process_is_read() {
        let own = std::process::id();
        assert!(resident(own).unwrap() > 100_000);
        assert!(cpu(own).unwrap().threads >= 0.0);
        assert!(machine_busy().unwrap() > 0.0);
    }
}

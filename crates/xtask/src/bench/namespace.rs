//! A private network for a measurement: what other programs add to the machine's interfaces must not change figures.
//! The xtask starts itself again inside it.

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use exporter_testkit::process;

use super::measure::{self, Figures, Job};
use crate::say::say;
use crate::{setup, shell};

/// For one chore of the system.
const LIMIT: Duration = Duration::from_secs(30);

/// Name of the hidden subcommand.
pub(crate) const SUBCOMMAND: &str = "bench-inside";

/// Whether we may make one.
pub(super) fn is_possible() -> bool {
    setup::is_root()
        && ["unshare", "ip", "mount"].iter().all(|program| shell::find(program).is_some())
        && shell::succeeds(Command::new("unshare").args(["--net", "--mount", "true"]))
}

/// Measures inside a fresh one.
pub(super) fn measure(job: &Job) -> Result<Figures> {
    let own = std::env::current_exe().context("cannot find the xtask's own program")?;
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--"]).arg(own).arg(SUBCOMMAND).arg(serde_json::to_string(job)?);
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start unshare")?;
    if !output.status.success() {
        bail!("the measurement failed ({})", output.status);
    }
    serde_json::from_slice(&output.stdout).context("the measurement's figures")
}

/// The other side: builds the network, measures, prints the figures.
pub(crate) fn inside(job: &str) -> Result<ExitCode> {
    let job: Job = serde_json::from_str(job).context("the job")?;
    for words in commands(job.interfaces)? {
        let words: Vec<&str> = words.split(' ').collect();
        process::run(Command::new(words[0]).args(&words[1..]), LIMIT)?;
    }
    say(serde_json::to_string(&measure::run(&job)?)?);
    Ok(ExitCode::SUCCESS)
}

/// `lo` and pairs of connected interfaces. /sys is mounted anew because an old one goes on showing the old network.
fn commands(interfaces: usize) -> Result<Vec<String>> {
    if interfaces.is_multiple_of(2) {
        bail!("--interfaces must be odd: lo, and pairs of connected ones");
    }
    let mut all = vec![
        "mount --make-rprivate /".to_owned(),
        "mount -t sysfs sysfs /sys".to_owned(),
        "ip link set lo up".to_owned(),
    ];
    for pair in 0..interfaces / 2 {
        all.push(format!("ip link add va{pair} type veth peer name vb{pair}"));
        all.extend(["a", "b"].map(|end| format!("ip link set v{end}{pair} up")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_interfaces_are_lo_and_one_pair() {
        let commands = commands(3).unwrap();
        assert_eq!(commands.iter().filter(|line| line.contains("link add")).count(), 1);
        assert!(super::commands(4).is_err());
    }
}

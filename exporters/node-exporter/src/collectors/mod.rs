//! The collectors: one file each, one line each in the table.

mod accepted;
mod arp;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod edac;
mod entropy;
mod ethtool;
mod filefd;
mod filesystem;
mod hwmon;
mod interrupts;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod net;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod os;
mod portable;
mod powersupplyclass;
mod pressure;
mod processes;
mod qdisc;
mod rapl;
mod rpc;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod sysctl;
mod systemd;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udev;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

use exporter_core::{BoxedSource, Collector, ConfigError, Flag, Settings, SourceSpec};
use std::time::Duration;

use crate::context::{self, Context};

/// A source: what it fills, the flags it reads, and how it is made.
struct Entry {
    collectors: &'static [&'static Collector],
    flags: &'static [&'static [Flag]],
    source: fn(&Context) -> Result<BoxedSource, ConfigError>,
}

const fn entry(
    collectors: &'static [&'static Collector],
    flags: &'static [&'static [Flag]],
    source: fn(&Context) -> Result<BoxedSource, ConfigError>,
) -> Entry {
    Entry { collectors, flags, source }
}

/// Hardware or a part of the kernel that is not there is looked for again after so long. What a user puts there is not
/// waited for.
const ABSENCE: Duration = Duration::from_secs(50);

static TABLE: &[Entry] = &[
    entry(&[&arp::ARP], &[arp::FLAGS], arp::source),
    entry(&[&bonding::BONDING], &[], bonding::source),
    entry(&[&btrfs::BTRFS], &[], btrfs::source),
    entry(&[&buddyinfo::BUDDYINFO], &[], buddyinfo::source),
    entry(&[&cgroups::CGROUPS], &[], cgroups::source),
    entry(&[&conntrack::CONNTRACK], &[], conntrack::source),
    entry(&[&cpu::CPU, &stat::STAT], &[cpu::FLAGS, stat::FLAGS], stat::source),
    entry(&[&cpu_vulnerabilities::CPU_VULNERABILITIES], &[], cpu_vulnerabilities::source),
    entry(&[&cpufreq::CPUFREQ], &[], cpufreq::source),
    entry(&[&diskstats::DISKSTATS], &[diskstats::FLAGS], diskstats::source),
    entry(&[&dmi::DMI], &[], dmi::source),
    entry(&[&edac::EDAC], &[], edac::source),
    entry(&[&entropy::ENTROPY], &[], entropy::source),
    entry(&[&ethtool::ETHTOOL], &[ethtool::FLAGS], ethtool::source),
    entry(&[&filefd::FILEFD], &[], filefd::source),
    entry(&[&filesystem::FILESYSTEM], &[filesystem::FLAGS], filesystem::source),
    entry(&[&hwmon::HWMON], &[hwmon::FLAGS], hwmon::source),
    entry(&[&interrupts::INTERRUPTS], &[interrupts::FLAGS], interrupts::source),
    entry(&[&kernel_hung::KERNEL_HUNG], &[], kernel_hung::source),
    entry(&[&ksmd::KSMD], &[], ksmd::source),
    entry(&[&lnstat::LNSTAT], &[], lnstat::source),
    entry(&[&loadavg::LOADAVG], &[], loadavg::source),
    entry(&[&mdadm::MDADM], &[], mdadm::source),
    entry(&[&meminfo::MEMINFO], &[], meminfo::source),
    entry(&[&meminfo_numa::MEMINFO_NUMA], &[], meminfo_numa::source),
    entry(&[&net::NETDEV, &net::NETCLASS], &[net::FLAGS], net::source),
    entry(&[&netstat::NETSTAT], &[netstat::FLAGS], netstat::source),
    entry(&[&network_route::NETWORK_ROUTE], &[], network_route::source),
    entry(&[&nfs::NFS], &[], nfs::source),
    entry(&[&nfsd::NFSD], &[], nfsd::source),
    entry(&[&nvme::NVME], &[], nvme::source),
    entry(&[&os::OS], &[], os::source),
    entry(&[&powersupplyclass::POWERSUPPLYCLASS], &[powersupplyclass::FLAGS], powersupplyclass::source),
    entry(&[&pressure::PRESSURE], &[], pressure::source),
    entry(&[&processes::PROCESSES], &[processes::FLAGS], processes::source),
    entry(&[&qdisc::QDISC], &[qdisc::FLAGS], qdisc::source),
    entry(&[&rapl::RAPL], &[rapl::FLAGS], rapl::source),
    entry(&[&schedstat::SCHEDSTAT], &[], schedstat::source),
    entry(&[&selinux::SELINUX], &[], selinux::source),
    entry(&[&slabinfo::SLABINFO], &[slabinfo::FLAGS], slabinfo::source),
    entry(
        &[&sockstat::SOCKSTAT, &tcpstat::TCPSTAT, &udp_queues::UDP_QUEUES],
        &[tcpstat::FLAGS],
        sockstat::source,
    ),
    entry(&[&softirqs::SOFTIRQS], &[], softirqs::source),
    entry(&[&softnet::SOFTNET], &[], softnet::source),
    entry(&[&swap::SWAP], &[], swap::source),
    entry(&[&sysctl::SYSCTL], &[sysctl::FLAGS], sysctl::source),
    entry(&[&systemd::SYSTEMD], &[systemd::FLAGS], systemd::source),
    entry(&[&thermal_zone::THERMAL_ZONE], &[], thermal_zone::source),
    entry(&[&time::TIME], &[], time::source),
    entry(&[&timex::TIMEX], &[], timex::source),
    entry(&[&uname::UNAME], &[], uname::source),
    entry(&[&vmstat::VMSTAT], &[vmstat::FLAGS], vmstat::source),
    entry(&[&watchdog::WATCHDOG], &[], watchdog::source),
    entry(&[&xfrm::XFRM], &[], xfrm::source),
    entry(&[&xfs::XFS], &[], xfs::source),
    entry(&[&zfs::ZFS], &[], zfs::source),
    entry(&[&zoneinfo::ZONEINFO], &[], zoneinfo::source),
    // The last, so that a user's file cannot stand in for a family of ours.
    entry(&[&textfile::TEXTFILE], &[textfile::FLAGS], textfile::source),
];

pub(crate) fn all() -> Vec<&'static Collector> {
    TABLE.iter().flat_map(|entry| entry.collectors).copied().collect()
}

pub(crate) fn flags() -> Vec<Flag> {
    let own = TABLE.iter().flat_map(|entry| entry.flags.iter().copied().flatten());
    context::FLAGS.iter().chain(portable::FLAGS).chain(own).copied().chain(accepted::flags()).collect()
}

/// The sources with at least one collector switched on.
pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    accepted::tell(settings);
    let context = Context::new(settings)?;
    if portable::is_chosen(settings)? {
        return Ok(portable::sources(&context));
    }
    let mut specs = Vec::new();
    for entry in TABLE {
        let on: Vec<_> =
            entry.collectors.iter().copied().filter(|collector| settings.enabled(collector)).collect();
        if !on.is_empty() {
            let context = context.clone();
            let is_hosts = !on.iter().any(|collector| std::ptr::eq(*collector, &textfile::TEXTFILE));
            let spec = SourceSpec::new(on, move || (entry.source)(&context));
            specs.push(if is_hosts { spec.absence_lasts(ABSENCE) } else { spec });
        }
    }
    Ok(specs)
}

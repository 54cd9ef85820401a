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
#[cfg(target_os = "linux")]
mod ethtool;
mod filefd;
mod filesystem;
mod hwmon;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod net;
mod netstat;
#[cfg(target_os = "linux")]
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod os;
mod portable;
mod powersupplyclass;
mod pressure;
mod processes;
#[cfg(target_os = "linux")]
mod qdisc;
mod rapl;
mod rpc;
mod schedstat;
mod selinux;
mod slabinfo;
#[cfg(target_os = "linux")]
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod sysctl;
#[cfg(target_os = "linux")]
mod systemd;
#[cfg(target_os = "linux")]
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
#[cfg(target_os = "linux")]
mod timex;
mod udev;
#[cfg(target_os = "linux")]
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

#[cfg(target_os = "linux")]
use exporter_core::BoxedSource;
use exporter_core::{Collector, ConfigError, Flag, Settings, SourceSpec};
#[cfg(target_os = "linux")]
use std::time::Duration;

use self::portable::Backend;
use crate::context::{self, Context};

/// A source: what it fills, the flags it reads, and how it is made.
struct Entry {
    collectors: &'static [&'static Collector],
    flags: &'static [&'static [Flag]],
    #[cfg(target_os = "linux")]
    source: fn(&Context) -> Result<BoxedSource, ConfigError>,
}

macro_rules! table {
    ($($(#[$only:meta])* [$($collector:path),*], [$($flags:path),*], $source:path;)*) => {
        static TABLE: &[Entry] = &[$(
            $(#[$only])*
            Entry {
                collectors: &[$(&$collector),*],
                flags: &[$($flags),*],
                #[cfg(target_os = "linux")]
                source: $source,
            },
        )*];
    };
}

table! {
    [arp::ARP], [arp::FLAGS], arp::source;
    [bonding::BONDING], [], bonding::source;
    [btrfs::BTRFS], [], btrfs::source;
    [buddyinfo::BUDDYINFO], [], buddyinfo::source;
    [cgroups::CGROUPS], [], cgroups::source;
    [conntrack::CONNTRACK], [], conntrack::source;
    [cpu::CPU, stat::STAT], [cpu::FLAGS, stat::FLAGS], stat::source;
    [cpu_vulnerabilities::CPU_VULNERABILITIES], [], cpu_vulnerabilities::source;
    [cpufreq::CPUFREQ], [], cpufreq::source;
    [diskstats::DISKSTATS], [diskstats::FLAGS], diskstats::source;
    [dmi::DMI], [], dmi::source;
    [edac::EDAC], [], edac::source;
    [entropy::ENTROPY], [], entropy::source;
    #[cfg(target_os = "linux")]
    [ethtool::ETHTOOL], [ethtool::FLAGS], ethtool::source;
    [filefd::FILEFD], [], filefd::source;
    [filesystem::FILESYSTEM], [filesystem::FLAGS], filesystem::source;
    [hwmon::HWMON], [hwmon::FLAGS], hwmon::source;
    [interrupts::INTERRUPTS], [interrupts::FLAGS], interrupts::source;
    [ipvs::IPVS], [ipvs::FLAGS], ipvs::source;
    [kernel_hung::KERNEL_HUNG], [], kernel_hung::source;
    [ksmd::KSMD], [], ksmd::source;
    [lnstat::LNSTAT], [], lnstat::source;
    [loadavg::LOADAVG], [], loadavg::source;
    [mdadm::MDADM], [], mdadm::source;
    [meminfo::MEMINFO], [], meminfo::source;
    [meminfo_numa::MEMINFO_NUMA], [], meminfo_numa::source;
    [net::NETDEV, net::NETCLASS], [net::FLAGS], net::source;
    [netstat::NETSTAT], [netstat::FLAGS], netstat::source;
    #[cfg(target_os = "linux")]
    [network_route::NETWORK_ROUTE], [], network_route::source;
    [nfs::NFS], [], nfs::source;
    [nfsd::NFSD], [], nfsd::source;
    [nvme::NVME], [], nvme::source;
    [os::OS], [], os::source;
    [powersupplyclass::POWERSUPPLYCLASS], [powersupplyclass::FLAGS], powersupplyclass::source;
    [pressure::PRESSURE], [], pressure::source;
    [processes::PROCESSES], [processes::FLAGS], processes::source;
    #[cfg(target_os = "linux")]
    [qdisc::QDISC], [qdisc::FLAGS], qdisc::source;
    [rapl::RAPL], [rapl::FLAGS], rapl::source;
    [schedstat::SCHEDSTAT], [], schedstat::source;
    [selinux::SELINUX], [], selinux::source;
    [slabinfo::SLABINFO], [slabinfo::FLAGS], slabinfo::source;
    #[cfg(target_os = "linux")]
    [sockstat::SOCKSTAT, tcpstat::TCPSTAT, udp_queues::UDP_QUEUES], [tcpstat::FLAGS], sockstat::source;
    [softirqs::SOFTIRQS], [], softirqs::source;
    [softnet::SOFTNET], [], softnet::source;
    [swap::SWAP], [], swap::source;
    [sysctl::SYSCTL], [sysctl::FLAGS], sysctl::source;
    #[cfg(target_os = "linux")]
    [systemd::SYSTEMD], [systemd::FLAGS], systemd::source;
    [thermal_zone::THERMAL_ZONE], [], thermal_zone::source;
    [time::TIME], [], time::source;
    #[cfg(target_os = "linux")]
    [timex::TIMEX], [], timex::source;
    [uname::UNAME], [], uname::source;
    [vmstat::VMSTAT], [vmstat::FLAGS], vmstat::source;
    [watchdog::WATCHDOG], [], watchdog::source;
    [xfrm::XFRM], [], xfrm::source;
    [xfs::XFS], [], xfs::source;
    [zfs::ZFS], [], zfs::source;
    [zoneinfo::ZONEINFO], [], zoneinfo::source;
    // The last, so that a user's file cannot stand in for a family of ours.
    [textfile::TEXTFILE], [textfile::FLAGS], textfile::source;
}

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
    Ok(match portable::chosen(settings)? {
        Backend::Portable => portable::sources(&context),
        #[cfg(target_os = "linux")]
        Backend::Native => native(&context),
    })
}

/// Hardware or a part of the kernel that is not there is looked for again after so long. What a user or systemd puts there
/// is looked for at each scrape.
#[cfg(target_os = "linux")]
const ABSENCE: Duration = Duration::from_secs(50);

#[cfg(target_os = "linux")]
fn native(context: &Context) -> Vec<SourceSpec> {
    let spec = |entry: &'static Entry| {
        let all = entry.collectors.iter().copied();
        let on: Vec<_> = all.filter(|collector| context.settings.enabled(collector)).collect();
        let context = context.clone();
        let comes_any_time = [&textfile::TEXTFILE, &systemd::SYSTEMD];
        let is_hosts =
            !on.iter().any(|collector| comes_any_time.iter().any(|any| any.name == collector.name));
        (!on.is_empty()).then(|| {
            let spec = SourceSpec::new(on, move || (entry.source)(&context));
            if is_hosts { spec.absence_lasts(ABSENCE) } else { spec }
        })
    };
    TABLE.iter().filter_map(spec).collect()
}

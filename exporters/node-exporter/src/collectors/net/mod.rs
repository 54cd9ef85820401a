//! Network interfaces: one look at them for two collectors.
//!
//! On the host itself, and in a container that shares its network, that look is one netlink dump. In another network it is
//! files of the mounted `/proc`, because netlink would answer for the container's own interfaces.

#[cfg(target_os = "linux")]
mod address;
mod class;
mod device;
mod files;
#[cfg(target_os = "linux")]
mod kernel;

#[cfg(target_os = "linux")]
pub(super) use address::ip;
pub(crate) use class::NETCLASS;
pub(super) use class::{MTU, UP};
pub(crate) use device::NETDEV;
pub(super) use device::{
    RECEIVE_BYTES, RECEIVE_ERRS, RECEIVE_PACKETS, TRANSMIT_BYTES, TRANSMIT_ERRS, TRANSMIT_PACKETS, filter,
};

use exporter_core::{BlockingSource, BoxedSource, CollectError, ConfigError, Flag, Scrape, Sink};

use crate::context::Context;
use crate::filter::Filter;

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(
        "collector.netdev.device-include",
        "",
        "Interfaces that netdev reports, as a regular expression.",
    ),
    Flag::value(
        "collector.netdev.device-exclude",
        "",
        "Interfaces that netdev leaves out, as a regular expression.",
    ),
    Flag::switch("collector.netdev.address-info", false, "Report the interfaces' addresses."),
    Flag::switch("collector.netdev.netlink", true, "Ask the kernel over netlink instead of reading files."),
    Flag::switch("collector.netdev.label-ifalias", false, "Give netdev's families an ifalias label."),
    Flag::switch(
        "collector.netdev.enable-detailed-metrics",
        false,
        "Name netdev's families as the kernel's counters, without summing up.",
    ),
    Flag::value(
        "collector.netclass.ignored-devices",
        "^$",
        "Interfaces that netclass leaves out, as a regular expression.",
    ),
    Flag::switch("collector.netclass.ignore-invalid-speed", false, "Leave out speeds that are not known."),
    // The peer has a second backend for netclass with other names; ours gives the default names by netlink already.
    Flag::switch("collector.netclass.netlink", false, "Accepted; netlink is used anyway.").hidden(),
    Flag::switch("collector.netclass_rtnl.with-stats", false, "Accepted without effect.").hidden(),
];

/// Why there is nothing where only a socket could ask.
pub(super) const OTHER_NETWORK: &str =
    "the host has another network than this container: share it with the container";

/// One interface. What is `None` is not known here, or has no meaning while the interface is down.
#[derive(Clone, Debug, Default, PartialEq)]
struct Link {
    name: String,
    stats: Option<Stats>,
    index: Option<u64>,
    /// The index of the interface below, or its own.
    link: Option<u64>,
    /// The index of what it is a part of: a bond, a bridge.
    master: Option<u64>,
    flags: Option<u32>,
    address: String,
    broadcast: String,
    duplex: String,
    operstate: String,
    ifalias: String,
    mtu: Option<u64>,
    queue_length: Option<u64>,
    group: Option<u64>,
    protocol: Option<u64>,
    link_mode: Option<u64>,
    carrier: Option<u64>,
    dormant: Option<u64>,
    carrier_changes: Option<u64>,
    carrier_ups: Option<u64>,
    carrier_downs: Option<u64>,
    address_assign: Option<u64>,
    name_assign: Option<u64>,
    device_id: Option<u64>,
    /// In Mbit/s; -1 where the driver does not know.
    speed: Option<i64>,
}

/// Traffic counters, in the order of the kernel's `rtnl_link_stats64`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Stats {
    counters: [u64; STATS.len()],
    /// Counters there are; files have no `receive_nohandler`, old kernels neither.
    known: usize,
}

/// Names of the counters.
const STATS: [&str; 24] = [
    "receive_packets",
    "transmit_packets",
    "receive_bytes",
    "transmit_bytes",
    "receive_errors",
    "transmit_errors",
    "receive_dropped",
    "transmit_dropped",
    "multicast",
    "collisions",
    "receive_length_errors",
    "receive_over_errors",
    "receive_crc_errors",
    "receive_frame_errors",
    "receive_fifo_errors",
    "receive_missed_errors",
    "transmit_aborted_errors",
    "transmit_carrier_errors",
    "transmit_fifo_errors",
    "transmit_heartbeat_errors",
    "transmit_window_errors",
    "receive_compressed",
    "transmit_compressed",
    "receive_nohandler",
];

enum Backend {
    #[cfg(target_os = "linux")]
    Kernel(Box<kernel::Kernel>),
    Files(files::Files),
}

struct Net {
    backend: Backend,
    devices: device::Devices,
    classes: class::Classes,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(BoxedSource::blocking(Net {
        #[cfg(target_os = "linux")]
        backend: if context.shares_network() && context.settings.switch("collector.netdev.netlink") {
            Backend::Kernel(Box::new(kernel::Kernel::new(context)))
        } else {
            Backend::Files(files::Files::new(context))
        },
        #[cfg(not(target_os = "linux"))]
        backend: Backend::Files(files::Files::new(context)),
        devices: device::Devices::new(context)?,
        classes: class::Classes::new(context)?,
    }))
}

impl BlockingSource for Net {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Self { backend, devices, classes } = self;
        match backend {
            #[cfg(target_os = "linux")]
            Backend::Kernel(kernel) => {
                let mut links = kernel.links()?;
                sink.collector(&NETDEV, |sink| {
                    devices.put(&links, sink);
                    kernel.put_addresses(&links, sink)
                });
                sink.collector(&NETCLASS, |sink| {
                    links.retain(|link| classes.selects(&link.name));
                    kernel.add_facts(&mut links);
                    classes.put(&links, sink);
                    Ok(())
                });
            }
            Backend::Files(files) => {
                sink.collector(&NETDEV, |sink| {
                    devices.put(&files.devices()?, sink);
                    Ok(())
                });
                sink.collector(&NETCLASS, |sink| {
                    let links = files.classes(|name| classes.selects(name))?;
                    classes.put(&links, sink);
                    Ok(())
                });
            }
        }
        Ok(())
    }
}

/// The device filter that all collectors about interfaces share, and their own one.
pub(crate) struct DeviceFilter {
    shared: Filter,
    own: Filter,
}

impl DeviceFilter {
    pub(crate) fn new(context: &Context, own: Filter) -> Result<Self, ConfigError> {
        let shared = Filter::new(
            &context.settings,
            "collector.network.device-include",
            "collector.network.device-exclude",
        )?;
        Ok(Self { shared, own })
    }

    pub(crate) fn selects(&mut self, name: &str) -> bool {
        self.shared.selects(name.as_bytes()) && self.own.selects(name.as_bytes())
    }
}

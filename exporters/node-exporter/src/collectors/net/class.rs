//! `netclass`: facts and states of interfaces.

use exporter_core::{Collector, ConfigError, Family, Sink};

use super::{DeviceFilter, Link};
use crate::context::Context;
use crate::filter::Filter;

pub(crate) static NETCLASS: Collector = Collector {
    name: "netclass",
    enabled: true,
    families: &[
        UP.desc(),
        INFO.desc(),
        ADDRESS_ASSIGN.desc(),
        CARRIER.desc(),
        CARRIER_CHANGES.desc(),
        CARRIER_UPS.desc(),
        CARRIER_DOWNS.desc(),
        DEVICE_ID.desc(),
        DORMANT.desc(),
        FLAGS.desc(),
        INDEX.desc(),
        LINK.desc(),
        LINK_MODE.desc(),
        MTU.desc(),
        GROUP.desc(),
        NAME_ASSIGN.desc(),
        SPEED.desc(),
        QUEUE_LENGTH.desc(),
        PROTOCOL.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        pub(in crate::collectors) static $ident: Family<1> = Family::$kind(concat!("node_network_", $name), $help, &["device"]);
    )*};
}
families! {
    UP gauge "up" "Whether the interface's operational state is up."
    ADDRESS_ASSIGN gauge "address_assign_type" "How the interface got its address: 0 permanent, 1 random, 2 copied, 3 set."
    CARRIER gauge "carrier" "Whether there is a carrier."
    CARRIER_CHANGES counter "carrier_changes_total" "Times that the carrier came or went."
    CARRIER_UPS counter "carrier_up_changes_total" "Times that the carrier came."
    CARRIER_DOWNS counter "carrier_down_changes_total" "Times that the carrier went."
    DEVICE_ID gauge "device_id" "Number that tells apart devices which share an address."
    DORMANT gauge "dormant" "Whether the interface waits for something before it may be used."
    FLAGS gauge "flags" "Interface flags as a number."
    INDEX gauge "iface_id" "Interface index."
    LINK gauge "iface_link" "Index of the interface below, or its own."
    LINK_MODE gauge "iface_link_mode" "Link mode: 0 default, 1 dormant."
    MTU gauge "mtu_bytes" "Largest packet."
    GROUP gauge "net_dev_group" "Interface group."
    NAME_ASSIGN gauge "name_assign_type" "How the interface got its name: 1 by the kernel, 2 predictably, 3 by the user, 4 renamed."
    SPEED gauge "speed_bytes" "Speed in bytes per second; -125000 where it is not known."
    QUEUE_LENGTH gauge "transmit_queue_length" "Packets that the transmit queue may hold."
    PROTOCOL gauge "protocol_type" "Hardware type as a number; 1 is Ethernet."
}

static INFO: Family<7> = Family::info(
    "node_network_info",
    "Facts about the interface.",
    &["address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"],
);

type Number = fn(&Link) -> Option<u64>;

static NUMBERS: [(&Family<1>, Number); 16] = [
    (&ADDRESS_ASSIGN, |link| link.address_assign),
    (&CARRIER, |link| link.carrier),
    (&CARRIER_CHANGES, |link| link.carrier_changes),
    (&CARRIER_UPS, |link| link.carrier_ups),
    (&CARRIER_DOWNS, |link| link.carrier_downs),
    (&DEVICE_ID, |link| link.device_id),
    (&DORMANT, |link| link.dormant),
    (&FLAGS, |link| link.flags.map(u64::from)),
    (&INDEX, |link| link.index),
    (&LINK, |link| link.link),
    (&LINK_MODE, |link| link.link_mode),
    (&MTU, |link| link.mtu),
    (&GROUP, |link| link.group),
    (&NAME_ASSIGN, |link| link.name_assign),
    (&QUEUE_LENGTH, |link| link.queue_length),
    (&PROTOCOL, |link| link.protocol),
];

const IFF_UP: u32 = 1;

pub(super) struct Classes {
    filter: DeviceFilter,
    ignore_invalid_speed: bool,
}

impl Classes {
    pub(super) fn new(context: &Context) -> Result<Self, ConfigError> {
        let own = Filter::excluding(&context.settings, "collector.netclass.ignored-devices")?;
        Ok(Self {
            filter: DeviceFilter::new(context, own)?,
            ignore_invalid_speed: context.settings.switch("collector.netclass.ignore-invalid-speed"),
        })
    }

    pub(super) fn selects(&mut self, name: &str) -> bool {
        self.filter.selects(name)
    }

    /// Puts interfaces that were selected.
    pub(super) fn put(&self, links: &[Link], sink: &mut Sink) {
        for link in links {
            sink.put(&UP, [&link.name], link.operstate == "up");
        }
        for link in links {
            let state = match link.flags {
                Some(flags) if flags & IFF_UP != 0 => "up",
                Some(_) => "down",
                None => "unknown",
            };
            sink.put(
                &INFO,
                [
                    &link.address,
                    &state,
                    &link.broadcast,
                    &link.name,
                    &link.duplex,
                    &link.ifalias,
                    &link.operstate,
                ],
                true,
            );
        }
        for (family, value) in NUMBERS {
            for link in links {
                if let Some(value) = value(link) {
                    sink.put(family, [&link.name], value);
                }
            }
        }
        for link in links {
            if let Some(megabits) = link.speed.filter(|speed| *speed >= 0 || !self.ignore_invalid_speed) {
                sink.put(&SPEED, [&link.name], megabits.saturating_mul(1_000_000 / 8));
            }
        }
    }
}

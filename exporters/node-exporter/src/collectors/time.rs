//! The clock, the time zone and the clock sources.

use exporter_core::{
    BlockingSource, BoxedSource, CollectError, Collector, ConfigError, Family, Scrape, Sink,
};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use crate::context::Context;
use crate::libc_calls::local_zone;
use crate::read::{Reader, names_or_none};
use crate::text::fields;

pub(crate) static TIME: Collector = Collector {
    name: "time",
    enabled: true,
    families: &[NOW.desc(), ZONE.desc(), AVAILABLE.desc(), CURRENT.desc()],
    dynamic: &[],
};

pub(super) static NOW: Family<0> = Family::gauge("node_time_seconds", "The host's clock, in Unix time.", &[]);
static ZONE: Family<1> =
    Family::gauge("node_time_zone_offset_seconds", "Local time minus UTC.", &["time_zone"]);
static AVAILABLE: Family<2> = Family::info(
    "node_time_clocksource_available_info",
    "Clock sources that the kernel could use.",
    &["clocksource", "device"],
);
static CURRENT: Family<2> = Family::info(
    "node_time_clocksource_current_info",
    "The clock source that the kernel uses.",
    &["clocksource", "device"],
);

struct Time {
    reader: Reader,
    directory: PathBuf,
    devices: Option<Vec<Device>>,
}

/// `clocksource0`; there has never been another.
struct Device {
    number: String,
    current_path: PathBuf,
    available_path: PathBuf,
    current: Vec<u8>,
    available: Vec<Vec<u8>>,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let directory = context.sys("devices/system/clocksource");
    Ok(BoxedSource::blocking(Time { reader: Reader::new(), directory, devices: None }))
}

impl BlockingSource for Time {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let now = scrape.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        sink.put(&NOW, [], now.as_secs_f64());
        if let Some((name, offset)) = local_zone(now.as_secs()) {
            sink.put(&ZONE, [&name], offset);
        }
        let devices = self.devices.get_or_insert_with(|| devices(&self.directory));
        for device in &mut *devices {
            device.refresh(&mut self.reader);
            for name in &device.available {
                sink.put(&AVAILABLE, [name, &device.number], true);
            }
        }
        for device in devices.iter().filter(|device| !device.current.is_empty()) {
            sink.put(&CURRENT, [&device.current, &device.number], true);
        }
        Ok(())
    }
}

impl Device {
    /// The list of available sources changes only with the one in use: when the kernel finds that unstable.
    fn refresh(&mut self, reader: &mut Reader) {
        let current = reader.kept_attribute(&self.current_path).unwrap_or_default();
        if self.available.is_empty() || self.current != current {
            self.current = current.to_vec();
            let available = reader.attribute(&self.available_path).unwrap_or_default();
            self.available = fields(available).map(<[u8]>::to_vec).collect();
        }
    }
}

fn devices(directory: &std::path::Path) -> Vec<Device> {
    let device = |name: String| {
        let number = name.strip_prefix("clocksource")?.to_owned();
        Some(Device {
            number,
            current_path: directory.join(&name).join("current_clocksource"),
            available_path: directory.join(&name).join("available_clocksource"),
            current: Vec::new(),
            available: Vec::new(),
        })
    };
    names_or_none(directory).into_iter().filter_map(device).collect()
}

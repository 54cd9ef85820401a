//! The host's disks, from `/proc/diskstats`.

use std::path::Path;

use crate::text::{fields, integer, lines};

/// The host's disks: their names by number, and what they count.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    all: Vec<Device>,
}

#[derive(Debug)]
pub(crate) struct Device {
    number: (u32, u32),
    pub(crate) name: String,
    /// From the fourth column of `/proc/diskstats` on.
    pub(crate) counters: [u64; 11],
}

impl Devices {
    pub(crate) fn read(&mut self, procfs: &Path) {
        self.all.clear();
        let Ok(text) = std::fs::read(procfs.join("diskstats")) else { return };
        for line in lines(&text) {
            let mut parts = fields(line);
            let mut next = || parts.next();
            let number = |field: Option<&[u8]>| field.and_then(integer).and_then(|n| u32::try_from(n).ok());
            let (Some(major), Some(minor), Some(name)) = (number(next()), number(next()), next()) else {
                continue;
            };
            let mut counters = [0; 11];
            for counter in &mut counters {
                *counter = next().and_then(integer).unwrap_or(0);
            }
            let name = String::from_utf8_lossy(name).into_owned();
            self.all.push(Device { number: (major, minor), name, counters });
        }
    }

    /// `/dev/sda`, or the number where the kernel has no name for it.
    pub(crate) fn name(&self, number: (u32, u32)) -> String {
        match self.all.iter().find(|device| device.number == number) {
            Some(device) => format!("/dev/{}", device.name),
            None => format!("{}:{}", number.0, number.1),
        }
    }

    /// Those with traffic that are no memory or image: what somebody would want to see on a graph.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Device> {
        let is_virtual = |name: &str| name.starts_with("ram") || name.starts_with("loop");
        self.all
            .iter()
            .filter(move |device| !is_virtual(&device.name) && device.counters.iter().any(|count| *count > 0))
    }
}

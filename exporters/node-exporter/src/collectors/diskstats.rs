//! Block devices, from `/proc/diskstats`, with facts from sysfs and udev.

use exporter_core::{BoxedSource, Collector, ConfigError, Family, Flag, Settings, Sink};
use std::collections::HashMap;
use std::path::PathBuf;

use super::udev::{Facts, Udev};
use crate::context::Context;
use crate::filter::Filter;
use crate::source;
use crate::text::{Malformed, fields, integer, lines, number};

pub(crate) static DISKSTATS: Collector = Collector {
    name: "diskstats",
    enabled: true,
    families: &[
        READS.desc(),
        READS_MERGED.desc(),
        READ_BYTES.desc(),
        READ_TIME.desc(),
        WRITES.desc(),
        WRITES_MERGED.desc(),
        WRITTEN_BYTES.desc(),
        WRITE_TIME.desc(),
        IO_NOW.desc(),
        IO_TIME.desc(),
        IO_TIME_WEIGHTED.desc(),
        DISCARDS.desc(),
        DISCARDS_MERGED.desc(),
        DISCARDED_SECTORS.desc(),
        DISCARD_TIME.desc(),
        FLUSHES.desc(),
        FLUSH_TIME.desc(),
        INFO.desc(),
        FILESYSTEM_INFO.desc(),
        MAPPER_INFO.desc(),
        MAPPER_BACKING.desc(),
        ATA_WRITE_CACHE.desc(),
        ATA_WRITE_CACHE_ENABLED.desc(),
        ATA_ROTATION.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        pub(super) static $ident: Family<1> = Family::$kind(concat!("node_disk_", $name), $help, &["device"]);
    )*};
}
families! {
    READS counter "reads_completed_total" "Reads completed."
    READS_MERGED counter "reads_merged_total" "Reads merged with others."
    READ_BYTES counter "read_bytes_total" "Bytes read."
    READ_TIME counter "read_time_seconds_total" "Time that reads took, added up."
    WRITES counter "writes_completed_total" "Writes completed."
    WRITES_MERGED counter "writes_merged_total" "Writes merged with others."
    WRITTEN_BYTES counter "written_bytes_total" "Bytes written."
    WRITE_TIME counter "write_time_seconds_total" "Time that writes took, added up."
    IO_NOW gauge "io_now" "Reads and writes in progress."
    IO_TIME counter "io_time_seconds_total" "Time during which the device was busy."
    IO_TIME_WEIGHTED counter "io_time_weighted_seconds_total" "Time that I/O took, weighted by what was in progress."
    DISCARDS counter "discards_completed_total" "Discards completed."
    DISCARDS_MERGED counter "discards_merged_total" "Discards merged with others."
    DISCARDED_SECTORS counter "discarded_sectors_total" "Sectors discarded."
    DISCARD_TIME counter "discard_time_seconds_total" "Time that discards took, added up."
    FLUSHES counter "flush_requests_total" "Flushes completed."
    FLUSH_TIME counter "flush_requests_time_seconds_total" "Time that flushes took, added up."
    ATA_WRITE_CACHE gauge "ata_write_cache" "Whether the ATA disk has a write cache."
    ATA_WRITE_CACHE_ENABLED gauge "ata_write_cache_enabled" "Whether the ATA disk's write cache is on."
    ATA_ROTATION gauge "ata_rotation_rate_rpm" "Turns per minute of the ATA disk; 0 without moving parts."
}

static INFO: Family<9> = Family::info(
    "node_disk_info",
    "Facts about the device.",
    &["device", "major", "minor", "model", "path", "revision", "rotational", "serial", "wwn"],
);
static FILESYSTEM_INFO: Family<5> = Family::info(
    "node_disk_filesystem_info",
    "The filesystem that udev found on the device.",
    &["device", "type", "usage", "uuid", "version"],
);
static MAPPER_INFO: Family<6> = Family::info(
    "node_disk_device_mapper_info",
    "Device mapper names of the device.",
    &["device", "lv_layer", "lv_name", "name", "uuid", "vg_name"],
);
static MAPPER_BACKING: Family<2> = Family::info(
    "node_disk_device_mapper_backing_device_info",
    "Devices below a device mapper device.",
    &["backing_device", "device"],
);

/// What a column of `/proc/diskstats` counts.
#[derive(Clone, Copy)]
enum Unit {
    Number,
    /// Always of 512 bytes here, whatever the device has.
    Sectors,
    Milliseconds,
}

/// The columns after the device's name; see iostats.rst. Old kernels end earlier.
static COLUMNS: [(&Family<1>, Unit); 17] = [
    (&READS, Unit::Number),
    (&READS_MERGED, Unit::Number),
    (&READ_BYTES, Unit::Sectors),
    (&READ_TIME, Unit::Milliseconds),
    (&WRITES, Unit::Number),
    (&WRITES_MERGED, Unit::Number),
    (&WRITTEN_BYTES, Unit::Sectors),
    (&WRITE_TIME, Unit::Milliseconds),
    (&IO_NOW, Unit::Number),
    (&IO_TIME, Unit::Milliseconds),
    (&IO_TIME_WEIGHTED, Unit::Milliseconds),
    (&DISCARDS, Unit::Number),
    (&DISCARDS_MERGED, Unit::Number),
    (&DISCARDED_SECTORS, Unit::Number),
    (&DISCARD_TIME, Unit::Milliseconds),
    (&FLUSHES, Unit::Number),
    (&FLUSH_TIME, Unit::Milliseconds),
];
/// Kernels of all ages have these.
const MIN_COLUMNS: usize = 11;

static ATA: [(&Family<1>, &str); 3] = [
    (&ATA_WRITE_CACHE, "ID_ATA_WRITE_CACHE"),
    (&ATA_WRITE_CACHE_ENABLED, "ID_ATA_WRITE_CACHE_ENABLED"),
    (&ATA_ROTATION, "ID_ATA_ROTATION_RATE_RPM"),
];

const INCLUDE: &str = "collector.diskstats.device-include";
const EXCLUDE: &str = "collector.diskstats.device-exclude";
const OLD_EXCLUDE: &str = "collector.diskstats.ignored-devices";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, "", "Block devices to report, as a regular expression."),
    Flag::value(
        EXCLUDE,
        r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
        "Block devices to leave out, as a regular expression.",
    ),
    Flag::value(OLD_EXCLUDE, "", "The old name of device-exclude.").hidden(),
];

/// Which devices are reported.
pub(super) fn filter(settings: &Settings) -> Result<Filter, ConfigError> {
    Filter::renamed(settings, [INCLUDE, EXCLUDE], [None, Some(OLD_EXCLUDE)])
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut filter = filter(&context.settings)?;
    let mut udev = Udev::new(context);
    let mut sysfs = Sysfs { block: context.sys("block"), known: HashMap::new() };
    Ok(source::file(context.proc("diskstats"), move |text, sink| {
        let disks: Vec<Disk<'_>> = parse(text, |name| filter.selects(name))?;
        for (column, (family, unit)) in COLUMNS.iter().enumerate() {
            for disk in disks.iter().filter(|disk| column < disk.known) {
                let value = disk.columns[column];
                match unit {
                    Unit::Number => sink.put(family, [&disk.name], value),
                    Unit::Sectors => sink.put(family, [&disk.name], value as f64 * 512.0),
                    Unit::Milliseconds => sink.put(family, [&disk.name], value as f64 / 1000.0),
                }
            }
        }
        for disk in &disks {
            let udev = udev.facts('b', disk.major, disk.minor);
            put_facts(disk, udev, sysfs.facts(disk, udev), sink);
        }
        Ok(())
    }))
}

fn put_facts(disk: &Disk<'_>, udev: &Facts, sysfs: &SysfsFacts, sink: &mut Sink) {
    let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
    let serial = serial.iter().map(|key| udev.get(key)).find(|serial| !serial.is_empty()).unwrap_or_default();
    let rotational = if sysfs.rotational { "1" } else { "0" };
    sink.put(
        &INFO,
        [
            &disk.name,
            &disk.major,
            &disk.minor,
            &udev.get("ID_MODEL"),
            &udev.get("ID_PATH"),
            &udev.get("ID_REVISION"),
            &rotational,
            &serial,
            &udev.get("ID_WWN"),
        ],
        true,
    );
    let filesystem = udev.get("ID_FS_TYPE");
    if !filesystem.is_empty() {
        let (usage, uuid) = (udev.get("ID_FS_USAGE"), udev.get("ID_FS_UUID"));
        let version = udev.get("ID_FS_VERSION");
        sink.put(&FILESYSTEM_INFO, [&disk.name, &filesystem, &usage, &uuid, &version], true);
    }
    let mapper = udev.get("DM_NAME");
    if !mapper.is_empty() {
        let (layer, volume) = (udev.get("DM_LV_LAYER"), udev.get("DM_LV_NAME"));
        let (uuid, group) = (udev.get("DM_UUID"), udev.get("DM_VG_NAME"));
        sink.put(&MAPPER_INFO, [&disk.name, &layer, &volume, &mapper, &uuid, &group], true);
        for below in &sysfs.below {
            sink.put(&MAPPER_BACKING, [below, &disk.name], true);
        }
    }
    if !udev.get("ID_ATA").is_empty() {
        for (family, key) in ATA {
            if let Some(value) = number(udev.get(key).as_bytes()) {
                sink.put(family, [&disk.name], value);
            }
        }
    }
}

/// Facts of `/sys/block`, looked up again only when udev has news of the device.
struct Sysfs {
    block: PathBuf,
    known: HashMap<(u32, u32), SysfsFacts>,
}

struct SysfsFacts {
    name: Vec<u8>,
    /// Of the udev facts that came with these.
    version: u64,
    rotational: bool,
    below: Vec<String>,
}

impl Sysfs {
    fn facts(&mut self, disk: &Disk<'_>, udev: &Facts) -> &SysfsFacts {
        let block = &self.block;
        let look_up = || {
            // `/` in a name stands as `!` in sysfs.
            let name = String::from_utf8_lossy(disk.name).replace('/', "!");
            let directory = block.join(name);
            SysfsFacts {
                name: disk.name.to_vec(),
                version: udev.version(),
                rotational: std::fs::read(directory.join("queue/rotational"))
                    .is_ok_and(|text| text.starts_with(b"1")),
                below: if udev.get("DM_NAME").is_empty() {
                    Vec::new()
                } else {
                    crate::read::names_or_none(&directory.join("slaves"))
                },
            }
        };
        let facts = self.known.entry((disk.major, disk.minor)).or_insert_with(look_up);
        if facts.name != disk.name || facts.version != udev.version() {
            *facts = look_up();
        }
        facts
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Disk<'a> {
    name: &'a [u8],
    major: u32,
    minor: u32,
    columns: [u64; COLUMNS.len()],
    known: usize,
}

/// The devices that `wanted` selects.
fn parse(text: &[u8], mut wanted: impl FnMut(&[u8]) -> bool) -> Result<Vec<Disk<'_>>, Malformed> {
    const MISSING: Malformed = Malformed::new("major, minor, device and at least eleven numbers");
    let mut disks = Vec::new();
    for line in lines(text) {
        let mut parts = fields(line);
        let mut id = || parts.next().and_then(integer).and_then(|id| u32::try_from(id).ok()).ok_or(MISSING);
        let (major, minor) = (id()?, id()?);
        let name = parts.next().ok_or(MISSING)?;
        if !wanted(name) {
            continue;
        }
        let mut disk = Disk { name, major, minor, columns: [0; COLUMNS.len()], known: 0 };
        for (column, value) in disk.columns.iter_mut().zip(parts) {
            *column = integer(value).ok_or(MISSING)?;
            disk.known += 1;
        }
        if disk.known < MIN_COLUMNS {
            return Err(MISSING);
        }
        disks.push(disk);
    }
    Ok(disks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_new_and_old_kernels() {
        let text =
            b" 254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n   8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n";
        let disks = parse(text, |_| true).unwrap();
        assert_eq!((disks[0].name, disks[0].major, disks[0].known), (b"vda".as_slice(), 254, 17));
        assert_eq!(disks[0].columns[16], 17);
        assert_eq!((disks[1].minor, disks[1].known), (1, 11));
        assert_eq!(parse(text, |name| name == b"sda1").unwrap().len(), 1);
    }

    #[test]
    fn refuses_garbage() {
        for bad in ["254\n", "254 0 vda\n", "254 0 vda 1 2 3\n", "x 0 vda 1 2 3 4 5 6 7 8 9 10 11\n"] {
            assert!(parse(bad.as_bytes(), |_| true).is_err(), "{bad}");
        }
        assert_eq!(parse(b"", |_| true), Ok(vec![]), "a host without disks");
    }
}

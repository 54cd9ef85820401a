//! Sensors, from `/sys/class/hwmon`; see the kernel's hwmon/sysfs-interface.rst. The drivers name the families.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Family, Flag, Kind, Sink};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::filter::Filter;
use crate::read::{Reader, names, names_or_none};
use crate::source;
use crate::text::number;

pub(crate) static HWMON: Collector = Collector {
    name: "hwmon",
    enabled: true,
    families: &[CHIP_NAMES.desc(), LABEL.desc()],
    dynamic: &[GAUGE.desc(), COUNTER.desc()],
};

static CHIP_NAMES: Family<2> =
    Family::info("node_hwmon_chip_names", "What drivers call their chips.", &["chip", "chip_name"]);
static LABEL: Family<3> =
    Family::info("node_hwmon_sensor_label", "What drivers call their sensors.", &["chip", "label", "sensor"]);
pub(super) static GAUGE: Dynamic<2> =
    Dynamic::new(Kind::Gauge, "node_hwmon_", "Sensor reading {}.", &["chip", "sensor"]);
static COUNTER: Dynamic<2> =
    Dynamic::new(Kind::Counter, "node_hwmon_", "Sensor count {}.", &["chip", "sensor"]);

const CHIP: [&str; 2] = ["collector.hwmon.chip-include", "collector.hwmon.chip-exclude"];
const SENSOR: [&str; 2] = ["collector.hwmon.sensor-include", "collector.hwmon.sensor-exclude"];

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(CHIP[0], "", "Chips to report, as a regular expression."),
    Flag::value(CHIP[1], "", "Chips to leave out, as a regular expression."),
    Flag::value(SENSOR[0], "", "Sensors to report (chip;sensor), as a regular expression."),
    Flag::value(SENSOR[1], "", "Sensors to leave out (chip;sensor), as a regular expression."),
];

/// Kinds of sensors; other files of a driver are none.
const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

struct Chip {
    name: String,
    driver: Option<String>,
    /// Sensor and label.
    labels: Vec<(String, String)>,
    readings: Vec<Reading>,
}

/// A file, and what becomes of the number in it.
struct Reading {
    path: PathBuf,
    sensor: String,
    family: String,
    scale: f64,
    counter: bool,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/hwmon");
    let mut chips = Filter::new(&context.settings, CHIP[0], CHIP[1])?;
    let mut sensors = Filter::new(&context.settings, SENSOR[0], SENSOR[1])?;
    let mut reader = Reader::new();
    let mut known: (Vec<std::ffi::OsString>, Vec<Chip>) = Default::default();
    Ok(source::custom(move |sink| {
        let Some(names) = names(&class)? else {
            return Err(CollectError::no_data("no sensors"));
        };
        // Drivers come and go; the files of one do not change.
        if known.0 != names {
            let found = names.iter().filter_map(|name| {
                let directory = class.join(name);
                let name = chip_name(&directory, &mut reader)?;
                chips.selects(name.as_bytes()).then(|| look_up(name, &directory, &mut sensors, &mut reader))
            });
            let found = found.collect();
            known = (names, found);
        }
        for chip in &known.1 {
            put(chip, &mut reader, sink);
        }
        Ok(())
    }))
}

fn put(chip: &Chip, reader: &mut Reader, sink: &mut Sink) {
    if let Some(driver) = &chip.driver {
        sink.put(&CHIP_NAMES, [&chip.name, driver], true);
    }
    for (sensor, label) in &chip.labels {
        sink.put(&LABEL, [&chip.name, label, sensor], true);
    }
    for reading in &chip.readings {
        // A sensor that is off answers with an error.
        let Some(value) = reader.attribute(&reading.path).and_then(number) else { continue };
        let family = if reading.counter { &COUNTER } else { &GAUGE };
        sink.put_dynamic(
            family,
            reading.family.as_bytes(),
            [&chip.name, &reading.sensor],
            value / reading.scale,
        );
    }
}

/// By the device's place, which is the same at every boot; else by the driver's name for it.
fn chip_name(directory: &Path, reader: &mut Reader) -> Option<String> {
    let clean = |name: Option<&std::ffi::OsStr>| cleaned(&name.unwrap_or_default().to_string_lossy());
    if let Ok(device) = directory.join("device").canonicalize() {
        let (kind, name) = (clean(device.parent().and_then(Path::file_name)), clean(device.file_name()));
        match (kind.is_empty(), name.is_empty()) {
            (false, false) => return Some(format!("{kind}_{name}")),
            (true, false) => return Some(name),
            _ => {}
        }
    }
    let name =
        reader.text(&directory.join("name")).map(|name| cleaned(&name)).filter(|name| !name.is_empty());
    name.or_else(|| Some(clean(directory.canonicalize().ok()?.file_name())).filter(|name| !name.is_empty()))
}

/// Lower case, and `_` for what a label of the peer's may not hold.
fn cleaned(name: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '_') { c } else { '_' }
    };
    name.to_lowercase().chars().map(fit).collect::<String>().trim_matches('_').to_owned()
}

fn look_up(name: String, directory: &Path, sensors: &mut Filter, reader: &mut Reader) -> Chip {
    let driver =
        reader.text(&directory.join("name")).map(|name| cleaned(&name)).filter(|name| !name.is_empty());
    let mut chip = Chip { name, driver, labels: Vec::new(), readings: Vec::new() };
    // Old drivers have their files beside the device's.
    let files: Vec<(String, PathBuf)> = [directory.to_owned(), directory.join("device")]
        .into_iter()
        .flat_map(|place| names_or_none(&place).into_iter().map(move |file| (file.clone(), place.join(file))))
        .collect();
    let plain: BTreeSet<String> = files
        .iter()
        .filter_map(|(file, _)| split(file))
        .filter(|s| s.2.is_empty())
        .map(|s| sensor(&s))
        .collect();
    for (file, path) in files {
        let Some(parts) = split(&file) else { continue };
        let sensor = sensor(&parts);
        if !sensors.selects(format!("{};{sensor}", chip.name).as_bytes()) {
            continue;
        }
        let (kind, _, property) = parts;
        if property == "label" {
            let label = reader.text(&path).filter(|label| !label.is_empty());
            chip.labels.extend(label.map(|label| (sensor, label)));
        } else {
            let (family, scale, counter) = meaning(kind, property, plain.contains(&sensor));
            chip.readings.push(Reading { path, sensor, family, scale, counter });
        }
    }
    for reading in chip.readings.iter_mut().filter(|reading| reading.sensor.starts_with("freq")) {
        // The peer names clocks, and only those, by their labels.
        if let Some((_, label)) = chip.labels.iter().find(|(sensor, _)| *sensor == reading.sensor) {
            reading.sensor = cleaned(label);
        }
    }
    chip.readings.sort_by(|a, b| (&a.family, &a.sensor).cmp(&(&b.family, &b.sensor)));
    chip.readings.dedup_by(|a, b| a.family == b.family && a.sensor == b.sensor);
    chip
}

/// `temp1_input` as (`temp`, 1, `input`); only files of sensors.
fn split(file: &str) -> Option<(&str, u32, &str)> {
    let end = file.find(|c: char| c.is_ascii_digit()).unwrap_or(file.len());
    let (kind, rest) = file.split_at(end);
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, property) = rest.split_at(digits);
    let (kind, property) = match property.strip_prefix('_') {
        Some(property) => (kind, property),
        None if property.is_empty() && number.is_empty() => match KINDS.contains(&kind) {
            true => (kind, ""),
            false => kind.split_once('_')?,
        },
        None if property.is_empty() => (kind, ""),
        None => return None,
    };
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    KINDS.contains(&kind).then_some((kind, number, property))
}

fn sensor((kind, number, _): &(&str, u32, &str)) -> String {
    format!("{kind}{number}")
}

/// The family's name after the prefix, what to divide by, and whether it is a counter. `plain` says that there is also
/// a file without property, which has the name that `input` would have.
fn meaning(kind: &str, property: &str, plain: bool) -> (String, f64, bool) {
    let name = match property {
        "" => kind.to_owned(),
        "input" if !plain => kind.to_owned(),
        property => format!("{kind}_{}", cleaned(property)),
    };
    let gauge = |unit: &str, scale| (format!("{name}{unit}"), scale, false);
    match (kind, property) {
        ("beep_enable", _) => ("beep_enabled".to_owned(), 1.0, false),
        ("vrm", _) => ("voltage_regulator_version".to_owned(), 1.0, false),
        ("update_interval", _) => ("update_interval_seconds".to_owned(), 1000.0, false),
        (_, "fault" | "alarm") => gauge("", 1.0),
        (_, "beep") => gauge("_enabled", 1.0),
        ("in" | "cpu", _) => gauge("_volts", 1000.0),
        ("temp", property) if property != "type" => gauge("_celsius", 1000.0),
        ("curr", _) => gauge("_amps", 1000.0),
        ("energy", _) => (format!("{name}_joule_total"), 1e6, true),
        ("power", "accuracy") => gauge("", 1e6),
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            gauge("_seconds", 1000.0)
        }
        ("power", _) => gauge("_watt", 1e6),
        ("humidity", _) => gauge("", 1e6),
        ("fan", "input" | "min" | "max" | "target") => gauge("_rpm", 1.0),
        ("freq", "input") => gauge("_freq_mhz", 1e6),
        _ => gauge("", 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        assert_eq!(split("temp1_input"), Some(("temp", 1, "input")));
        assert_eq!(split("pwm2"), Some(("pwm", 2, "")));
        assert_eq!(split("beep_enable"), Some(("beep_enable", 0, "")));
        assert_eq!(split("pwm1_auto_point1_pwm"), Some(("pwm", 1, "auto_point1_pwm")));
        for other in ["name", "uevent", "temp1x", "power_state1_x", "fan"] {
            assert_ne!(split(other).map(|s| s.2), Some("x"), "{other}");
        }
        assert_eq!(split("name"), None);
    }

    #[test]
    fn families_and_units() {
        for (kind, property, plain, family, scale) in [
            ("temp", "input", false, "temp_celsius", 1000.0),
            ("temp", "crit_alarm", false, "temp_crit_alarm_celsius", 1000.0),
            ("temp", "alarm", false, "temp_alarm", 1.0),
            ("fan", "min", false, "fan_min_rpm", 1.0),
            ("fan", "input", true, "fan_input_rpm", 1.0),
            ("in", "max", false, "in_max_volts", 1000.0),
            ("pwm", "", true, "pwm", 1.0),
            ("freq", "input", false, "freq_freq_mhz", 1e6),
            ("fan", "beep", false, "fan_beep_enabled", 1.0),
        ] {
            assert_eq!(meaning(kind, property, plain), (family.to_owned(), scale, false));
        }
        assert_eq!(meaning("energy", "input", false), ("energy_joule_total".to_owned(), 1e6, true));
    }

    #[test]
    fn names_are_cleaned() {
        assert_eq!(cleaned("0000:00:18.3"), "0000:00:18_3");
        assert_eq!(cleaned("Core 0\n"), "core_0");
    }
}

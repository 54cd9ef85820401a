//! Thermal zones and cooling devices, from `/sys/class/thermal`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;
use crate::text::signed;

pub(crate) static THERMAL_ZONE: Collector = Collector {
    name: "thermal_zone",
    enabled: true,
    families: &[TEMPERATURE.desc(), CURRENT.desc(), MAXIMUM.desc()],
    dynamic: &[],
};

static TEMPERATURE: Family<2> =
    Family::gauge("node_thermal_zone_temp", "Temperature in degrees Celsius.", &["type", "zone"]);
static CURRENT: Family<2> =
    Family::gauge("node_cooling_device_cur_state", "How much the device cools now.", &["name", "type"]);
static MAXIMUM: Family<2> =
    Family::gauge("node_cooling_device_max_state", "How much the device can cool.", &["name", "type"]);

/// A zone or a device: number, type, directory.
type Place = (String, String, PathBuf);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/thermal");
    let mut reader = Reader::new();
    let mut known: (Vec<String>, Vec<Place>, Vec<Place>) = Default::default();
    Ok(source::custom(move |sink| {
        let names = names_or_none(&class);
        if known.0 != names {
            let zones = places(&class, &names, "thermal_zone", &mut reader);
            let devices = places(&class, &names, "cooling_device", &mut reader);
            known = (names, zones, devices);
        }
        let (_, zones, devices) = &known;
        for (zone, kind, directory) in zones {
            // A zone may be off, or its driver may have no answer now.
            if let Some(millidegrees) = reader.attribute(&directory.join("temp")).and_then(signed) {
                sink.put(&TEMPERATURE, [kind, zone], millidegrees as f64 / 1000.0);
            }
        }
        for (family, file) in [(&CURRENT, "cur_state"), (&MAXIMUM, "max_state")] {
            for (name, kind, directory) in devices {
                if let Some(state) = reader.integer(&directory.join(file)) {
                    sink.put(family, [name, kind], state);
                }
            }
        }
        Ok(())
    }))
}

fn places(class: &Path, names: &[String], prefix: &str, reader: &mut Reader) -> Vec<Place> {
    let mut places = Vec::new();
    for name in names {
        let directory = class.join(name);
        if let (Some(number), Some(kind)) = (name.strip_prefix(prefix), reader.text(&directory.join("type")))
        {
            places.push((number.to_owned(), kind, directory));
        }
    }
    places
}

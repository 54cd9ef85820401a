//! Energy that parts of the processor have used, from `/sys/class/powercap`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Flag, Kind};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;

pub(crate) static RAPL: Collector =
    Collector { name: "rapl", enabled: true, families: &[], dynamic: &[ZONE.desc(), JOULES.desc()] };

static ZONE: Dynamic<2> = Dynamic::new(Kind::Counter, "node_rapl_", "Joules used by {}.", &["index", "path"])
    .suffix("_joules_total");
static JOULES: Dynamic<3> =
    Dynamic::new(Kind::Counter, "node_rapl_", "Joules used, by zone.", &["index", "path", "rapl_zone"]);

const ZONE_LABEL: &str = "collector.rapl.enable-zone-label";

pub(crate) const FLAGS: &[Flag] =
    &[Flag::switch(ZONE_LABEL, false, "Name the zone in a label, instead of in the family.")];

struct Zone {
    name: String,
    index: String,
    path: String,
    energy: PathBuf,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/powercap");
    let labelled = context.settings.switch(ZONE_LABEL);
    let mut reader = Reader::new();
    let mut zones = None;
    Ok(source::custom(move |sink| {
        let zones = zones.get_or_insert_with(|| look_up(&class, &mut reader));
        let mut found = false;
        for zone in &*zones {
            // For root only since an attack by energy readings became known.
            let Some(microjoules) = reader.integer(&zone.energy) else { continue };
            found = true;
            let joules = microjoules as f64 / 1e6;
            if labelled {
                sink.put_dynamic(&JOULES, b"joules_total", [&zone.index, &zone.path, &zone.name], joules);
            } else {
                sink.put_dynamic(&ZONE, zone.name.as_bytes(), [&zone.index, &zone.path], joules);
            }
        }
        if found { Ok(()) } else { Err(CollectError::no_data("no energy counters that we may read")) }
    }))
}

fn look_up(class: &Path, reader: &mut Reader) -> Vec<Zone> {
    let mut zones = Vec::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for entry in names_or_none(class) {
        let directory = class.join(&entry);
        let energy = directory.join("energy_uj");
        let (true, Some(name)) = (energy.exists(), reader.text(&directory.join("name"))) else { continue };
        // `package-0` has its number; others are numbered as they come.
        let (name, index) = match name.rsplit_once('-') {
            Some((base, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                (base.to_owned(), index.to_owned())
            }
            _ => {
                let count = counts.entry(name.clone()).or_default();
                *count += 1;
                (name, (*count - 1).to_string())
            }
        };
        zones.push(Zone {
            name: name.replace('-', "_"),
            index,
            path: directory.display().to_string(),
            energy,
        });
    }
    zones
}

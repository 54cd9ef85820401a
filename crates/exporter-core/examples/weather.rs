//! An exporter in one file, by somebody else: readings of weather stations, and a mounted prometheus-client registry.
//!
//! ```sh
//! cargo run -p exporter-core --example weather -- --station.file=stations.txt
//! curl 127.0.0.1:9900/metrics
//! ```
//!
//! Each line of the file is a station and its temperature in degrees Celsius: `roof 21.5`.

use exporter_core::prom::mounted;
use exporter_core::prom::prometheus_client::metrics::counter::Counter;
use exporter_core::prom::prometheus_client::registry::Registry;
use exporter_core::{
    BlockingSource, BoxedSource, CollectError, Collector, ConfigError, Exporter, Family, Flag, Scrape,
    Settings, Sink, SourceSpec,
};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

static TEMPERATURE: Family<1> =
    Family::gauge("weather_temperature_celsius", "Air temperature, in degrees Celsius.", &["station"]);

static STATIONS: Collector =
    Collector { name: "stations", enabled: true, families: &[TEMPERATURE.desc()], dynamic: &[] };
/// What another library counts; its registry names the families.
static READS: Collector = Collector { name: "reads", enabled: true, families: &[], dynamic: &[] };

struct Stations {
    file: PathBuf,
    reads: Counter,
}

impl BlockingSource for Stations {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| CollectError::failed(format!("reading {}: {error}", self.file.display())))?;
        self.reads.inc();
        for line in text.lines() {
            let (station, celsius) = parse(line).ok_or_else(|| {
                let file = self.file.display();
                CollectError::failed(format!("{file}: {line:?}: write a station and a temperature"))
            })?;
            sink.put(&TEMPERATURE, [&station], celsius);
        }
        Ok(())
    }
}

fn parse(line: &str) -> Option<(&str, f64)> {
    let (station, celsius) = line.split_once(' ')?;
    Some((station, celsius.trim().parse().ok()?))
}

fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    let file = PathBuf::from(settings.text("station.file"));
    let reads = Counter::default();
    let mut registry = Registry::default();
    registry.register("weather_file_reads", "Times that the file was read", reads.clone());
    let stations = SourceSpec::new([&STATIONS], move || {
        Ok(BoxedSource::blocking(Stations { file: file.clone(), reads: reads.clone() }))
    });
    Ok(vec![stations, mounted(&READS, Arc::new(registry))])
}

pub(crate) static EXPORTER: Exporter = Exporter {
    name: "weather",
    namespace: "weather",
    default_port: 9900,
    about: "Readings of weather stations.",
    collectors: || vec![&STATIONS, &READS],
    flags: || {
        vec![Flag::value("station.file", "stations.txt", "Stations and their temperatures, one a line.")]
    },
    sources,
    probes: |_| Ok(Vec::new()),
    discover: || Err("nothing to look for".to_owned()),
};

fn main() -> ExitCode {
    exporter_core::standalone(&EXPORTER, "weather-exporter")
}

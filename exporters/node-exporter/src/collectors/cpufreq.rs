//! CPU frequencies, from cpufreq's directories in `/sys`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family, Sink};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;
use crate::text::fields;

pub(crate) static CPUFREQ: Collector = Collector {
    name: "cpufreq",
    enabled: true,
    families: &[
        FREQUENCY.desc(),
        FREQUENCY_MIN.desc(),
        FREQUENCY_MAX.desc(),
        SCALING.desc(),
        SCALING_MIN.desc(),
        SCALING_MAX.desc(),
        GOVERNOR.desc(),
    ],
    dynamic: &[],
};

static FREQUENCY: Family<1> =
    Family::gauge("node_cpu_frequency_hertz", "Frequency that the hardware reports.", &["cpu"]);
static FREQUENCY_MIN: Family<1> =
    Family::gauge("node_cpu_frequency_min_hertz", "Lowest frequency of the hardware.", &["cpu"]);
static FREQUENCY_MAX: Family<1> =
    Family::gauge("node_cpu_frequency_max_hertz", "Highest frequency of the hardware.", &["cpu"]);
static SCALING: Family<1> =
    Family::gauge("node_cpu_scaling_frequency_hertz", "Frequency that the kernel has set.", &["cpu"]);
static SCALING_MIN: Family<1> =
    Family::gauge("node_cpu_scaling_frequency_min_hertz", "Lowest frequency that may be set.", &["cpu"]);
static SCALING_MAX: Family<1> =
    Family::gauge("node_cpu_scaling_frequency_max_hertz", "Highest frequency that may be set.", &["cpu"]);
static GOVERNOR: Family<2> = Family::gauge(
    "node_cpu_scaling_governor",
    "Whether this governor is in charge of the CPU.",
    &["cpu", "governor"],
);

/// File and family. The kernel writes kilohertz.
static FILES: [(&str, &Family<1>); 6] = [
    ("cpuinfo_cur_freq", &FREQUENCY),
    ("cpuinfo_min_freq", &FREQUENCY_MIN),
    ("cpuinfo_max_freq", &FREQUENCY_MAX),
    ("scaling_cur_freq", &SCALING),
    ("scaling_min_freq", &SCALING_MIN),
    ("scaling_max_freq", &SCALING_MAX),
];

/// One CPU's files that exist.
struct Cpu {
    number: u32,
    files: Vec<(PathBuf, &'static Family<1>)>,
    governor: PathBuf,
    governors: Vec<Vec<u8>>,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let directory = context.sys("devices/system/cpu");
    let mut reader = Reader::new();
    let mut cpus = None;
    Ok(source::custom(move |sink| {
        let cpus = cpus.get_or_insert_with(|| look_up(&directory, &mut reader));
        for cpu in &*cpus {
            put(cpu, &mut reader, sink);
        }
        Ok(())
    }))
}

/// Whether it would tell of any CPU's frequency: on most virtual machines there is nothing, and some processors' is for
/// root alone.
pub(crate) fn has_frequency(context: &Context) -> bool {
    let mut reader = Reader::new();
    let cpus = look_up(&context.sys("devices/system/cpu"), &mut reader);
    let mut files = cpus.iter().flat_map(|cpu| &cpu.files);
    files.any(|(path, family)| std::ptr::eq(*family, &FREQUENCY) && reader.integer(path).is_some())
}

fn put(cpu: &Cpu, reader: &mut Reader, sink: &mut Sink) {
    for (path, family) in &cpu.files {
        if let Some(kilohertz) = reader.integer(path) {
            sink.put(*family, [&cpu.number], kilohertz as f64 * 1000.0);
        }
    }
    if let Some(current) = reader.attribute(&cpu.governor) {
        for governor in &cpu.governors {
            sink.put(&GOVERNOR, [&cpu.number, governor], governor == current);
        }
    }
}

fn look_up(directory: &Path, reader: &mut Reader) -> Vec<Cpu> {
    let mut cpus = Vec::new();
    for name in names_or_none(directory) {
        let Some(number) = name.strip_prefix("cpu").and_then(|number| number.parse().ok()) else { continue };
        let directory = directory.join(&name).join("cpufreq");
        if !directory.is_dir() {
            continue;
        }
        let files = FILES.iter().map(|(file, family)| (directory.join(file), *family));
        let available = reader.attribute(&directory.join("scaling_available_governors"));
        cpus.push(Cpu {
            number,
            governors: fields(available.unwrap_or_default()).map(<[u8]>::to_vec).collect(),
            files: files.filter(|(path, _)| path.exists()).collect(),
            governor: directory.join("scaling_governor"),
        });
    }
    cpus.sort_unstable_by_key(|cpu| cpu.number);
    cpus
}

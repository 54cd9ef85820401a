//! Facts of `/proc/cpuinfo`, on request: every CPU is a series with ten labels.

use exporter_core::{CollectError, ConfigError, Family, Regex, Sink};
use std::path::PathBuf;

use crate::collectors::cpufreq;
use crate::context::Context;
use crate::read::Reader;
use crate::text::{Malformed, lines, number, trim};

pub(super) static INFO: Family<10> = Family::info(
    "node_cpu_info",
    "What /proc/cpuinfo says of each CPU.",
    &[
        "cachesize",
        "core",
        "cpu",
        "family",
        "microcode",
        "model",
        "model_name",
        "package",
        "stepping",
        "vendor",
    ],
);
pub(super) static FLAG_INFO: Family<1> =
    Family::info("node_cpu_flag_info", "Selected flags of the first CPU.", &["flag"]);
pub(super) static BUG_INFO: Family<1> =
    Family::info("node_cpu_bug_info", "Selected bugs of the first CPU.", &["bug"]);
pub(super) static FREQUENCY: Family<3> = Family::gauge(
    "node_cpu_frequency_hertz",
    "Frequency as /proc/cpuinfo has it, where the cpufreq collector has none.",
    &["core", "cpu", "package"],
);

/// The fields of `/proc/cpuinfo` in the order of INFO's labels.
const FIELDS: [&[u8]; 10] = [
    b"cache size",
    b"core id",
    b"processor",
    b"cpu family",
    b"microcode",
    b"model",
    b"model name",
    b"physical id",
    b"stepping",
    b"vendor_id",
];
const CORE: usize = 1;
const CPU: usize = 2;
const PACKAGE: usize = 7;

pub(super) struct Info {
    path: PathBuf,
    reader: Reader,
    flags: Option<Regex>,
    bugs: Option<Regex>,
    frequency: bool,
}

impl Info {
    pub(super) fn new(context: &Context) -> Result<Option<Self>, ConfigError> {
        let flags = context.settings.regex("collector.cpu.info.flags-include")?;
        let bugs = context.settings.regex("collector.cpu.info.bugs-include")?;
        // Asking for flags or bugs asks for facts.
        let wanted = context.settings.switch("collector.cpu.info") || flags.is_some() || bugs.is_some();
        let frequency = !(context.settings.enabled(&cpufreq::CPUFREQ) && cpufreq::has_frequency(context));
        let path = context.proc("cpuinfo");
        Ok(wanted.then(|| Self { path, reader: Reader::new(), flags, bugs, frequency }))
    }

    pub(super) fn put(&mut self, sink: &mut Sink) -> Result<(), CollectError> {
        let cpus = self.reader.parse(&self.path, parse)?;
        for cpu in &cpus {
            sink.put(&INFO, cpu.facts.each_ref().map(|fact| fact as _), true);
        }
        if self.frequency {
            for cpu in &cpus {
                if let Some(mhz) = cpu.mhz {
                    let labels = [CORE, CPU, PACKAGE].map(|label| &cpu.facts[label] as _);
                    sink.put(&FREQUENCY, labels, mhz * 1e6);
                }
            }
        }
        if let Some(first) = cpus.first() {
            for flag in selected(first.flags, self.flags.as_ref()) {
                sink.put(&FLAG_INFO, [&flag], true);
            }
            for bug in selected(first.bugs, self.bugs.as_ref()) {
                sink.put(&BUG_INFO, [&bug], true);
            }
        }
        Ok(())
    }
}

fn selected<'a>(words: &'a [u8], wanted: Option<&'a Regex>) -> impl Iterator<Item = &'a str> {
    let words = std::str::from_utf8(words).unwrap_or_default().split_ascii_whitespace();
    words.filter(move |word| wanted.is_some_and(|wanted| wanted.is_match(word)))
}

#[derive(Debug, Default, PartialEq)]
struct Cpu<'a> {
    facts: [&'a [u8]; FIELDS.len()],
    flags: &'a [u8],
    bugs: &'a [u8],
    mhz: Option<f64>,
}

/// One block a CPU, each beginning with `processor`.
fn parse(text: &[u8]) -> Result<Vec<Cpu<'_>>, Malformed> {
    let mut cpus: Vec<Cpu<'_>> = Vec::new();
    for line in lines(text) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (key, value) = (trim(&line[..colon]), trim(&line[colon + 1..]));
        if key == FIELDS[CPU] {
            cpus.push(Cpu::default());
        }
        let Some(cpu) = cpus.last_mut() else { continue };
        match key {
            // ARM calls its flags features.
            b"flags" | b"Features" => cpu.flags = value,
            b"bugs" => cpu.bugs = value,
            b"cpu MHz" => cpu.mhz = number(value),
            key => {
                if let Some(field) = FIELDS.iter().position(|field| *field == key) {
                    cpu.facts[field] = value;
                }
            }
        }
    }
    if cpus.is_empty() { Err(Malformed::new("a line like `processor : 0`")) } else { Ok(cpus) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_a_cpu() {
        let text = b"processor\t: 0\nmodel name\t: A: B\nflags\t\t: fpu vme\ncpu MHz\t\t: 2596.120\n\nprocessor\t: 1\n";
        let cpus = parse(text).unwrap();
        assert_eq!(cpus.len(), 2);
        assert_eq!(cpus[0].facts[6], b"A: B");
        assert_eq!(cpus[0].mhz, Some(2596.12));
        assert_eq!(cpus[1].facts[CPU], b"1");
        let wanted = Regex::new("^v").unwrap();
        assert_eq!(selected(cpus[0].flags, Some(&wanted)).collect::<Vec<_>>(), ["vme"]);
        assert_eq!(selected(cpus[0].flags, None).count(), 0);
    }

    #[test]
    fn refuses_garbage() {
        assert!(parse(b"").is_err());
        assert!(parse(b"model name: x\n").is_err());
    }
}

//! Settings of the kernel that the user names, from `/proc/sys`.
//!
//! `--collector.sysctl.include=kernel.threads-max` gives a number, or several by their index;
//! `--collector.sysctl.include=fs.file-nr:allocated,unused,max` gives each of several a name;
//! `--collector.sysctl.include-info=kernel.core_pattern` gives words.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Family, Flag, Kind, Sink};
use std::path::PathBuf;

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{fields, metric_name, signed};

pub(crate) static SYSCTL: Collector = Collector {
    name: "sysctl",
    enabled: false,
    families: &[INFO.desc()],
    dynamic: &[ONE.desc(), SEVERAL.desc()],
};

static INFO: Family<3> =
    Family::info("node_sysctl_info", "Settings of the kernel that are words.", &["index", "name", "value"]);
static ONE: Dynamic<0> = Dynamic::new(Kind::Untyped, "node_sysctl_", "Setting {} of the kernel.", &[]);
static SEVERAL: Dynamic<1> =
    Dynamic::new(Kind::Untyped, "node_sysctl_", "Numbers of the kernel's setting {}.", &["index"]);

const INCLUDE: &str = "collector.sysctl.include";
const INCLUDE_INFO: &str = "collector.sysctl.include-info";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::list(
        INCLUDE,
        "A setting of numbers to report: kernel.threads-max, or fs.file-nr:allocated,unused,max.",
    ),
    Flag::list(INCLUDE_INFO, "A setting of words to report."),
];

/// A setting to report.
struct Setting {
    name: String,
    path: PathBuf,
    /// The family, or what its keys are put behind.
    family: String,
    /// A name for each of its numbers; none for words, and where the user gave none.
    keys: Vec<String>,
    words: bool,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut settings = Vec::new();
    for (flag, words) in [(INCLUDE, false), (INCLUDE_INFO, true)] {
        for given in context.settings.list(flag) {
            let setting = setting(given, words, context);
            settings.push(setting.map_err(|why| ConfigError::new(format!("--{flag}={given}: {why}")))?);
        }
    }
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        if settings.is_empty() {
            return Err(CollectError::no_data(format!("no setting was named with --{INCLUDE}")));
        }
        // One that is wrong hides no other.
        let mut failed = None;
        for setting in &settings {
            let result = match reader.read(&setting.path) {
                Ok(text) => put(setting, text, sink)
                    .map_err(|why| CollectError::failed(format!("sysctl {}: {why}", setting.name))),
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(()) => sink.commit(),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }))
}

fn setting(given: &str, words: bool, context: &Context) -> Result<Setting, &'static str> {
    let (name, keys) = given.split_once(':').unwrap_or((given, ""));
    let path = path(name);
    if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("not the name of a setting, such as kernel.threads-max");
    }
    let keys: Vec<String> = keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
    if words && !keys.is_empty() {
        return Err("words cannot have names; leave out what is behind the colon");
    }
    Ok(Setting {
        name: name.to_owned(),
        path: context.proc("sys").join(path),
        family: metric_name(name),
        keys,
        words,
    })
}

/// The file of a setting. As for `sysctl`, its first separator says which of dot and slash separates; the other one is
/// part of a name then (`net.ipv4.conf.eth0/1.forwarding`).
fn path(name: &str) -> String {
    if name.find(['.', '/']).is_some_and(|at| name.as_bytes()[at] == b'/') {
        return name.to_owned();
    }
    let swapped = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    name.chars().map(swapped).collect()
}

fn put(setting: &Setting, text: &[u8], sink: &mut Sink) -> Result<(), String> {
    let text = text.trim_ascii();
    let parts = || text.split(|byte| *byte == b'\n').flat_map(fields);
    let count = parts().count();
    if count == 0 {
        return Err("it has no value now".to_owned());
    }
    if !setting.keys.is_empty() && setting.keys.len() != count {
        return Err(format!("it has {count} values, and {} names were given", setting.keys.len()));
    }
    for (index, part) in parts().enumerate() {
        if setting.words {
            sink.put(&INFO, [&index, &setting.name, &part], true);
            continue;
        }
        let value = signed(part).ok_or("it has values that are no numbers: use include-info")?;
        match setting.keys.get(index) {
            Some(key) => sink.put_dynamic(&ONE, format!("{}_{key}", setting.family).as_bytes(), [], value),
            None if count == 1 => sink.put_dynamic(&ONE, setting.family.as_bytes(), [], value),
            None => sink.put_dynamic(&SEVERAL, setting.family.as_bytes(), [&index], value),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_settings() {
        for (name, expected) in [
            ("kernel.threads-max", "kernel/threads-max"),
            ("kernel/threads-max", "kernel/threads-max"),
            ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
            ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ] {
            assert_eq!(path(name), expected);
        }
    }
}

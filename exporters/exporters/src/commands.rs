//! What the program does beside serving.

use exporter_core::{ConfigError, Subcommand};

use crate::thresholds;

pub(crate) static SUBCOMMANDS: &[Subcommand] = &[
    #[cfg(feature = "container")]
    Subcommand {
        name: "container-meta",
        about: "As `container-exporter meta`: ask container engines, and tell exporters what is harmless.",
        run: container_exporter::meta,
    },
    Subcommand {
        name: "thresholds",
        about: "Turn alert thresholds [FILE] into Prometheus recording rules; print them, or write [OUT].",
        run: render_thresholds,
    },
];

const THRESHOLDS_FILE: &str = "prometheus/thresholds.yml";

fn render_thresholds(arguments: &[String]) -> Result<String, ConfigError> {
    let (file, out) = match arguments {
        [] => (THRESHOLDS_FILE, None),
        [file] => (file.as_str(), None),
        [file, out] => (file.as_str(), Some(out)),
        _ => return Err(ConfigError::new("give the thresholds, then the rules to write; or only the first")),
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::new(format!("reading {file}: {error}; give its path")))?;
    let rules = thresholds::render(&text).map_err(|error| ConfigError::new(format!("{file}: {error}")))?;
    match out {
        Some(out) => replace(out, &rules).map(|()| String::new()),
        None => Ok(rules),
    }
}

/// Writes beside the file and renames: what Prometheus loads is the old rules or the new ones. A shell's `>` would
/// empty the file before the thresholds are even read, and an empty rule file is valid: no alert would speak up again.
fn replace(file: &str, text: &str) -> Result<(), ConfigError> {
    // Not *.yml, or Prometheus would load it too.
    let beside = format!("{file}.new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, file))
        .map_err(|error| ConfigError::new(format!("writing {file}: {error}")))
}

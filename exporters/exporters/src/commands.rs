//! What the program does beside serving.

use exporter_core::{ConfigError, Subcommand};

use crate::thresholds;

pub(crate) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "container-meta",
        about: "As `container-exporter meta`: ask container engines, and tell exporters what is harmless.",
        run: container_exporter::meta,
    },
    Subcommand {
        name: "thresholds",
        about: "Print alert thresholds (a YAML file) as Prometheus recording rules.",
        run: render_thresholds,
    },
];

const THRESHOLDS_FILE: &str = "prometheus/thresholds.yml";

fn render_thresholds(arguments: &[String]) -> Result<String, ConfigError> {
    let file = match arguments {
        [] => THRESHOLDS_FILE,
        [file] => file,
        _ => return Err(ConfigError::new("give one file, or none")),
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::new(format!("reading {file}: {error}")))?;
    thresholds::render(&text).map_err(|error| ConfigError::new(format!("{file}: {error}")))
}

//! What an exporter is to the programs that run it: a name, flags, and sources made from settings.

use crate::flags::{Flag, Settings};
use crate::probe::ProbeSpec;
use crate::source::{Collector, SourceSpec};

/// An exporter. A binary runs one or several.
#[derive(Debug)]
pub struct Exporter {
    /// `node`: the path segment and the job of the all-in-one, and the key of its config file.
    pub name: &'static str,
    /// Begins the names of its own families: `node` in `node_scrape_collector_success`.
    pub namespace: &'static str,
    /// The peer's port.
    pub default_port: u16,
    /// One line for `--help`.
    pub about: &'static str,
    /// All collectors, on or off by default.
    pub collectors: fn() -> Vec<&'static Collector>,
    /// Its flags, without those that every exporter has.
    pub flags: fn() -> Vec<Flag>,
    /// Makes the sources of one instance, without the collectors for which [`Settings::enabled`] is false. What a flag
    /// switches off by its name does not run in any case.
    pub sources: fn(&Settings) -> Result<Vec<SourceSpec>, ConfigError>,
    /// Paths on which it answers for targets that the URL names; mostly none.
    pub probes: fn(&Settings) -> Result<Vec<ProbeSpec>, ConfigError>,
    /// Looks for something to serve where nothing is configured.
    ///
    /// # Errors
    /// What it looked for in vain, for the one who started the program.
    pub discover: fn() -> Result<Discovered, String>,
}

/// An instance that an exporter offers by itself.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// What was found, for the one who started the program.
    pub what: String,
    /// Flags that point the exporter to it.
    pub settings: Vec<(String, String)>,
}

/// A configuration that cannot be used: names the thing and the cure, in one line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    message: String,
}

impl ConfigError {
    /// With its line of text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

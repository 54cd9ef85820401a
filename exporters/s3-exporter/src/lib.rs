//! Object storage under s3_exporter's names: usage, freshness of backups and shipped logs, probes.
//!
//! `engine` does all the work on a thread of its own: `pass` lists targets (`list` turns pages into sums), `probe` writes and
//! reads, `bucket` asks for settings, `usage` other sources for sizes; all through `client`, which counts every request. `collectors` only show what is known.
#![forbid(unsafe_code)]

mod bucket;
mod client;
mod clock;
#[cfg(feature = "cloudwatch")]
mod cloudwatch;
mod collectors;
mod config;
mod discover;
mod discovery;
mod engine;
mod labelled;
mod list;
mod pass;
mod probe;
mod sources;
mod usage;

use exporter_core::{Discovered, Exporter};

/// The S3 exporter.
pub static EXPORTER: Exporter = Exporter {
    name: "s3",
    namespace: "s3",
    default_port: 9340,
    about: "Object storage under s3_exporter's names: usage, freshness of backups and logs, probes.",
    collectors: sources::collectors,
    flags: sources::flags,
    sources: sources::sources,
    probes: sources::probes,
    discover,
};

/// Nothing costs money unasked: only what the environment names is watched.
fn discover() -> Result<Discovered, String> {
    let targets = std::env::var("S3_EXPORTER_TARGET").ok().filter(|targets| !targets.is_empty());
    let targets = targets.ok_or("S3_EXPORTER_TARGET names no bucket")?;
    let endpoint = std::env::var("S3_EXPORTER_S3_ENDPOINT_URL").ok();
    let mut settings = vec![("target".to_owned(), targets)];
    settings.extend(endpoint.map(|url| ("s3.endpoint-url".to_owned(), url)));
    Ok(Discovered { what: "S3_EXPORTER_TARGET".to_owned(), settings })
}

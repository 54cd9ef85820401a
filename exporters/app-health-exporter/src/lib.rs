//! Application health: blackbox_exporter's and json_exporter's probes under their names, and checks on a schedule of
//! their own: health endpoints, logs, files, heartbeats, certificates.
#![deny(unsafe_code)]

mod check;
mod clock;
mod config;
mod context;
mod net;
mod peer;
mod probe;
mod settings;
mod watch;

pub use peer::{NAME as PEER, arguments};

use exporter_core::Exporter;

/// The app-health exporter.
pub static EXPORTER: Exporter = Exporter {
    name: "app-health",
    namespace: "app_health",
    default_port: 9115,
    about: "Application health: probes under blackbox_exporter's and json_exporter's names, and checks of its own.",
    collectors: settings::collectors,
    flags: settings::flags,
    sources: settings::sources,
    probes: settings::probes,
    // What to check is for the operator to say.
    discover: || Err("nothing is asked unless it is named: health checks stand in the config file".to_owned()),
};

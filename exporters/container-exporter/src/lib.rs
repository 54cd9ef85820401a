//! Container metrics under cAdvisor's names.
//!
//! What an engine knows (names, states, health) is kept current by its events on a thread of its own ([`engine`] asks,
//! [`feed`] brings, [`cache`] keeps); what the kernel counts is read from cgroup files when somebody scrapes. No call to an
//! engine is ever made for a scrape. [`meta`] is the process that alone needs an engine's socket.
#![forbid(unsafe_code)]

mod cache;
mod cgroup;
mod collectors;
mod devices;
mod engine;
mod feed;
mod labels;
mod meta;
mod model;
mod netdev;
mod network;
mod options;
mod program;
mod scanned;
mod shown;
mod source;
mod text;

pub use meta::meta;
pub use program::program;

use exporter_core::{Discovered, Exporter};

/// The container exporter.
pub static EXPORTER: Exporter = Exporter {
    name: "container",
    namespace: "container",
    default_port: 8080,
    about: "Container metrics under cAdvisor's names. `container-exporter meta --help`: the process that alone asks engines.",
    collectors: collectors::all,
    flags: options::flags,
    sources: collectors::sources,
    probes: |_| Ok(Vec::new()),
    discover: || {
        let sockets = [options::DEFAULT_SOCKET, "/var/run/docker.sock", "/run/podman/podman.sock"];
        let socket = sockets.into_iter().find(|socket| std::path::Path::new(socket).exists());
        let socket = socket.ok_or_else(|| format!("none of {}", sockets.join(", ")))?;
        Ok(Discovered { what: socket.to_owned(), settings: Vec::new() })
    },
};

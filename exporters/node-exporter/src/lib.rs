//! Host metrics under node_exporter's names.
//!
//! Each collector is one file under `collectors`: the declarations of its families, a source that reads, and a pure
//! `parse` between the two. `collectors/mod.rs` lists them.
#![deny(unsafe_code)]
#![cfg_attr(
    not(target_os = "linux"),
    allow(
        dead_code,
        reason = "the families that the portable backend fills stand beside their readers for Linux"
    )
)]

mod collectors;
mod context;
#[cfg(target_os = "linux")]
mod dbus;
mod filter;
mod glob;
mod libc_calls;
#[cfg(target_os = "linux")]
mod linux_calls;
#[cfg(target_os = "linux")]
mod netlink;
mod read;
mod source;
mod text;

use exporter_core::{Discovered, Exporter};

/// The node exporter.
pub static EXPORTER: Exporter = Exporter {
    name: "node",
    namespace: "node",
    default_port: 9100,
    about: "Host metrics under node_exporter's names.",
    collectors: collectors::all,
    flags: collectors::flags,
    sources: collectors::sources,
    probes: |_| Ok(Vec::new()),
    discover: || {
        let found = !cfg!(target_os = "linux") || std::path::Path::new("/proc/stat").exists();
        let this_host = Discovered { what: "this host".to_owned(), settings: Vec::new() };
        if found { Ok(this_host) } else { Err("no /proc/stat".to_owned()) }
    },
};

//! PostgreSQL metrics under postgres_exporter's names.
//!
//! One source keeps one connection a database. A scrape is one volley of prepared statements on each of them; every
//! collector is a declaration of statements (`collectors/`), whose columns name the families they fill and the server
//! versions that have them. What hangs, is locked or is not allowed costs its own series only.
#![forbid(unsafe_code)]

mod collectors;
mod compat;
mod config;
mod connect;
mod databases;
mod dsn;
mod freshness;
mod peer;
mod pgbouncer;
mod probe;
mod queries;
mod select;
mod server;
mod session;
mod source;
mod tls;

use exporter_core::Exporter;

pub use peer::arguments;

/// The PostgreSQL exporter.
pub static EXPORTER: Exporter = Exporter {
    name: "postgres",
    namespace: "pg",
    default_port: 9187,
    about: "PostgreSQL metrics under postgres_exporter's names.",
    collectors: collectors::all,
    flags: config::flags,
    sources: config::sources,
    probes: probe::probes,
    discover: config::discover,
};

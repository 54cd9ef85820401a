//! All exporters in one process: the list of libraries, and what the program does beside serving.

mod commands;
mod thresholds;

use exporter_core::AllInOne;

/// The program: what it is made of.
pub static EXPORTERS: AllInOne = AllInOne {
    program: "exporters",
    about: "Prometheus exporters in one process; with nothing configured, what this host has.",
    default_listen: "127.0.0.1:9555",
    exporters: &[
        #[cfg(feature = "app-health")]
        &app_health_exporter::EXPORTER,
        #[cfg(feature = "container")]
        &container_exporter::EXPORTER,
        #[cfg(feature = "node")]
        &node_exporter::EXPORTER,
        #[cfg(feature = "postgres")]
        &postgres_exporter::EXPORTER,
        #[cfg(feature = "redis")]
        &redis_exporter::EXPORTER,
        #[cfg(feature = "s3")]
        &s3_exporter::EXPORTER,
    ],
    subcommands: commands::SUBCOMMANDS,
};

//! All exporters in one process: a list of libraries.

mod commands;
mod thresholds;

use exporter_core::AllInOne;

static EXPORTERS: AllInOne = AllInOne {
    program: "exporters",
    about: "Prometheus exporters in one process; with nothing configured, what this host has.",
    default_listen: "127.0.0.1:9555",
    exporters: &[&node_exporter::EXPORTER],
    subcommands: commands::SUBCOMMANDS,
};

fn main() -> std::process::ExitCode {
    exporter_core::all_in_one(&EXPORTERS)
}

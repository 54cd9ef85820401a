//! All exporters in one process: a list of libraries.

use exporter_core::AllInOne;

static EXPORTERS: AllInOne = AllInOne {
    program: "exporters",
    about: "Prometheus exporters in one process; with nothing configured, what this host has.",
    default_listen: "127.0.0.1:9555",
    exporters: &[&node_exporter::EXPORTER],
    subcommands: &[],
};

fn main() -> std::process::ExitCode {
    exporter_core::all_in_one(&EXPORTERS)
}

//! The node exporter as a program of its own, with its peer's flags and port.

fn main() -> std::process::ExitCode {
    exporter_core::standalone(&node_exporter::EXPORTER, "node-exporter")
}

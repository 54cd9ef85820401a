//! The PostgreSQL exporter as a program of its own, with its peer's flags and port.

fn main() -> std::process::ExitCode {
    exporter_core::standalone(&postgres_exporter::EXPORTER, "postgres-exporter")
}

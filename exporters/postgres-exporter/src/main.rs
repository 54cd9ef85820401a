//! The PostgreSQL exporter as a program of its own, with its peer's flags and port.

fn main() -> std::process::ExitCode {
    let arguments = postgres_exporter::arguments(std::env::args_os(), |name| std::env::var(name).ok());
    exporter_core::standalone_with(&postgres_exporter::EXPORTER, "postgres-exporter", arguments)
}

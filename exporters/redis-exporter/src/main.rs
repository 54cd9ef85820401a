//! The Redis exporter as a program of its own, with its peer's flags and port.

fn main() -> std::process::ExitCode {
    let arguments = redis_exporter::arguments(std::env::args_os(), |name| std::env::var(name).ok());
    exporter_core::standalone_with(&redis_exporter::EXPORTER, "redis-exporter", arguments)
}

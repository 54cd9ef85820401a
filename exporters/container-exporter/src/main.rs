//! The container exporter as a program of its own, with its peer's port.

fn main() -> std::process::ExitCode {
    container_exporter::program(std::env::args_os().collect())
}

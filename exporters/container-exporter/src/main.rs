//! The container exporter as a program of its own, with its peer's port.

fn main() -> std::process::ExitCode {
    exporter_core::standalone_with(
        &container_exporter::EXPORTER,
        "container-exporter",
        container_exporter::SUBCOMMANDS,
    )
}

//! The app-health exporter as a program of its own, with blackbox_exporter's flags and port.

fn main() -> std::process::ExitCode {
    let arguments = app_health_exporter::arguments(std::env::args_os());
    exporter_core::standalone_for(
        &app_health_exporter::EXPORTER,
        "app-health-exporter",
        app_health_exporter::PEER,
        arguments,
    )
}

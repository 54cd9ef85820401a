//! The app-health exporter as a program of its own, with blackbox_exporter's flags and port.

fn main() -> std::process::ExitCode {
    exporter_core::standalone(&app_health_exporter::EXPORTER, "app-health-exporter")
}

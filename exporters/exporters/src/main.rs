//! The all-in-one.

fn main() -> std::process::ExitCode {
    exporter_core::all_in_one(&exporters::EXPORTERS)
}

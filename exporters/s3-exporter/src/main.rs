//! The S3 exporter as a program of its own, with s3_exporter's flags and port.

fn main() -> std::process::ExitCode {
    exporter_core::standalone(&s3_exporter::EXPORTER, "s3-exporter")
}

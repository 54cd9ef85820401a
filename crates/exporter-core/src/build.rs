//! What was built: `*_exporter_build_info` and `--version`.

use exposition::{Kind, LabelValue, Page};

/// The version of all crates of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, where the build was told (`EXPORTERS_REVISION`).
const REVISION: &str = match option_env!("EXPORTERS_REVISION") {
    Some(revision) => revision,
    None => "",
};
const RUSTC: &str = env!("EXPORTER_RUSTC");

/// Puts `<namespace>_exporter_build_info`, with the labels of the peers' and the compiler's version.
pub(crate) fn put(page: &mut Page, namespace: &str) {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels: [(&str, &dyn LabelValue); 8] = [
        ("branch", &""),
        ("goarch", &arch),
        ("goos", &std::env::consts::OS),
        ("goversion", &""),
        ("revision", &REVISION),
        ("rustversion", &RUSTC),
        ("tags", &""),
        ("version", &VERSION),
    ];
    let name = format!("{namespace}_exporter_build_info");
    if let Ok(mut family) = page.foreign(&name, Kind::Gauge, "What was built, and with what; always 1.") {
        // The names above are valid.
        let _ = family.put("", labels, 1.0);
    }
}

/// The line that `--version` prints.
pub(crate) fn line() -> String {
    let revision = if REVISION.is_empty() { String::new() } else { format!(", revision {REVISION}") };
    format!("{VERSION} (rustc {RUSTC}{revision})")
}

//! Images under upstream's tags, laid out as upstream's are.

use std::path::Path;

use exporter_testkit::docker::{Image, Root};
use exporter_testkit::{Result, tools};

/// Debian's Alertmanager reads its default templates from here.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager";

pub(super) fn prometheus(tag: &str) -> Result<Image> {
    Image::existing_or(tag, |tag| server(tag, "/prometheus", "prometheus", "promtool", None))
}

pub(super) fn alertmanager(tag: &str) -> Result<Image> {
    let templates = Some(Path::new(TEMPLATES)).filter(|folder| folder.exists());
    Image::existing_or(tag, |tag| server(tag, "/alertmanager", "alertmanager", "amtool", templates))
}

/// The program under test, as the Dockerfile places it.
pub(super) fn exporters(tag: &str) -> Result<Image> {
    let mut root = Root::new()?;
    root.program(Path::new(env!("CARGO_BIN_EXE_exporters")), "/exporters")?;
    root.import(tag, &["USER 65534:65534", r#"ENTRYPOINT ["/exporters"]"#])
}

fn server(tag: &str, data: &str, program: &str, tool: &str, more: Option<&Path>) -> Result<Image> {
    let mut root = Root::new()?;
    for name in [program, tool] {
        root.program(&tools::path(name)?, &format!("/bin/{name}"))?;
    }
    root.folder_of_nobody(data)?;
    if let Some(folder) = more {
        root.tree(folder)?;
    }
    let entrypoint = format!(r#"ENTRYPOINT ["/bin/{program}"]"#);
    let (workdir, volume) = (format!("WORKDIR {data}"), format!("VOLUME {data}"));
    root.import(tag, &["USER 65534", "ENV PATH=/bin", &workdir, &volume, &entrypoint])
}

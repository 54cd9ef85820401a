//! A copy of the repository's stack, on ports of its own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::images;
use crate::support::LIMIT;
use exporter_testkit::docker::Compose;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::prometheus::Api;
use exporter_testkit::sink::Sink;
use exporter_testkit::{Error, Result, tools};

pub(super) const PROJECT: &str = "exporters-compose-test";
const IMAGE: &str = "exporters:compose-test";
pub(super) const RUNBOOKS: &str = "https://runbooks.example";

/// What a clone holds of it. No secrets and no targets of somebody's own: this must not call anybody's pager.
const FILES: [&str; 10] = [
    ".env",
    "docker-compose.yml",
    "alertmanager/alertmanager.yml",
    "alertmanager/templates",
    "compose",
    "prometheus/probes/stack.yml",
    "prometheus/prometheus.yml",
    "prometheus/rules",
    "prometheus/targets/stack.yml",
    "prometheus/thresholds.yml",
];

pub(super) struct Stack {
    pub(super) compose: Compose,
    pub(super) prometheus: Api,
    exporters: Port,
    _others: [Port; 2],
    dir: TempDir,
}

impl Stack {
    pub(super) fn new() -> Result<Stack> {
        let (dir, root) = (TempDir::new()?, tools::workspace_root());
        readable(dir.path(), 0o755)?;
        for file in FILES {
            copy(&root.join(file), &dir.path().join(file))?;
        }
        let (prometheus, alertmanager, exporters) = (ports::free()?, ports::free()?, ports::free()?);
        let environment = [
            ("BIND", "127.0.0.1"),
            ("COMPOSE_PROFILES", "containers"),
            ("EXPORTERS_IMAGE", IMAGE),
            ("RUNBOOK_BASE", RUNBOOKS),
            ("PROMETHEUS_PORT", &prometheus.to_string()),
            ("ALERTMANAGER_PORT", &alertmanager.to_string()),
            ("EXPORTERS_PORT", &exporters.to_string()),
        ];
        let mut compose = Compose::new(PROJECT, dir.path().to_path_buf(), &environment)?;
        let config: serde_json::Value =
            serde_json::from_str(&compose.run(&["config", "--format=json"], LIMIT)?)?;
        let tag = |service: &str| config["services"][service]["image"].as_str().unwrap_or_default();
        compose.keep(images::prometheus(tag("prometheus"))?);
        compose.keep(images::alertmanager(tag("alertmanager"))?);
        compose.keep(images::exporters(tag("exporters"))?);
        let api = Api::new(format!("http://{}", prometheus.address()));
        Ok(Stack { compose, prometheus: api, exporters, _others: [prometheus, alertmanager], dir })
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(super) fn exporters_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.exporters.address())
    }

    /// Switches the dead man's switch on as docs/notifications.md says, with a sink at its other end.
    pub(super) fn dead_man_listens(&self) -> Result<Sink> {
        let sink = Sink::start_at(&self.compose.gateway("monitoring")?)?;
        self.edit("alertmanager/alertmanager.yml", |text| text.replace("#deadman ", ""))?;
        self.edit("alertmanager/secrets/deadman_url", |_| sink.url("/deadman"))?;
        Ok(sink)
    }

    /// Replaces a file by another one of its name, as editors do.
    pub(super) fn edit(&self, file: &str, change: impl FnOnce(String) -> String) -> Result {
        let path = self.path(file);
        let old = if path.exists() { std::fs::read_to_string(&path)? } else { String::new() };
        let new = self.dir.write(format!("{file}.new"), change(old))?;
        readable(&new, 0o644)?;
        Ok(std::fs::rename(new, path)?)
    }
}

/// With modes that let the containers' user read it, whatever the umask is.
fn copy(source: &Path, target: &Path) -> Result {
    if source.is_dir() {
        for entry in std::fs::read_dir(source)? {
            let entry = entry?;
            copy(&entry.path(), &target.join(entry.file_name()))?;
        }
        return Ok(());
    }
    for folder in
        target.ancestors().skip(1).filter(|folder| !folder.exists()).collect::<Vec<_>>().iter().rev()
    {
        std::fs::create_dir(folder)?;
        readable(folder, 0o755)?;
    }
    std::fs::copy(source, target).map_err(Error::context(source.display()))?;
    readable(target, 0o644)
}

fn readable(path: &Path, mode: u32) -> Result {
    Ok(std::fs::set_permissions(path, Permissions::from_mode(mode))?)
}

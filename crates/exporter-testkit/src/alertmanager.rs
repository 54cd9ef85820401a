//! A real Alertmanager of a test's own.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::TempDir;
use crate::ports::{self, Port};
use crate::process::Process;
use crate::{Result, http, tools};

/// A running Alertmanager with a configuration, data folder and port of its own, without cluster.
#[derive(Debug)]
pub struct Alertmanager {
    process: Process,
    dir: TempDir,
    port: Port,
}

impl Alertmanager {
    /// Starts one on this configuration file's text and waits until it is ready. `files` (path, text) are put beside the
    /// configuration, for templates and secret files with relative paths.
    pub fn start(config: &str, files: &[(&str, &str)], limit: Duration) -> Result<Alertmanager> {
        let (dir, port) = (crate::fixture::tree(files)?, ports::free()?);
        let config = dir.write("alertmanager.yml", config)?;
        let mut command = Command::new(tools::path("alertmanager")?);
        command
            .current_dir(dir.path())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            // Its default would listen on a port all tests share.
            .args(["--cluster.listen-address=", "--log.level=warn"]);
        let process = Process::spawn(&mut command)?;
        let mut alertmanager = Alertmanager { process, dir, port };
        let ready = alertmanager.url("/-/ready");
        alertmanager.process.wait_http(&ready, limit)?;
        Ok(alertmanager)
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// `127.0.0.1:PORT`, for Prometheus' `alertmanagers`.
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// The folder of its configuration.
    pub fn dir(&self) -> &TempDir {
        &self.dir
    }

    /// The answer of this API path (`/api/v2/...`).
    pub fn api(&self, path: &str) -> Result<Value> {
        let answer = http::get(&self.url(path), &[])?.expect_status(200)?;
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Sends one firing alert with these labels and annotations, as Prometheus would.
    pub fn fire(&self, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Result {
        let map = |pairs: &[(&str, &str)]| -> serde_json::Map<String, Value> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
        };
        let body = json!([{"labels": map(labels), "annotations": map(annotations)}]).to_string();
        let headers = [("Content-Type", "application/json")];
        http::post(&self.url("/api/v2/alerts"), &headers, body.as_bytes())?.expect_status(200)?;
        Ok(())
    }
}

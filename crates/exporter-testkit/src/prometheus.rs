//! A real Prometheus of a test's own.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::fixture::TempDir;
use crate::ports::{self, Port};
use crate::process::Process;
use crate::{Error, Result, http, tools};

/// A running Prometheus with a configuration, data folder and port of its own.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    dir: TempDir,
    port: Port,
    api: Api,
}

/// The HTTP API of any running Prometheus.
#[derive(Debug)]
pub struct Api {
    base: String,
}

/// One scrape target as Prometheus sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Label `job`.
    pub job: String,
    /// Label `instance`.
    pub instance: String,
    /// `up`, `down` or `unknown` (not scraped yet).
    pub health: String,
    /// Why it is down.
    pub last_error: String,
}

/// One series of an instant query's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels, `__name__` included.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// The label's value, or nothing.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl Prometheus {
    /// Starts one on this configuration file's text and waits until it is ready. `files` (path, text) are put beside the
    /// configuration, for `rule_files` and `file_sd_configs` with relative paths.
    pub fn start(config: &str, files: &[(&str, &str)], limit: Duration) -> Result<Prometheus> {
        let (dir, port) = (crate::fixture::tree(files)?, ports::free()?);
        let config = dir.write("prometheus.yml", config)?;
        let mut command = Command::new(tools::path("prometheus")?);
        command
            .current_dir(dir.path())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .args(["--web.enable-lifecycle", "--log.level=warn"]);
        let process = Process::spawn(&mut command)?;
        let api = Api::new(format!("http://{}", port.address()));
        let mut prometheus = Prometheus { process, dir, port, api };
        let ready = prometheus.url("/-/ready");
        prometheus.process.wait_http(&ready, limit)?;
        Ok(prometheus)
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// The folder of its configuration.
    pub fn dir(&self) -> &TempDir {
        &self.dir
    }

    /// As [`Api::get`].
    pub fn api(&self, path: &str) -> Result<Value> {
        self.api.get(path)
    }

    /// As [`Api::query`].
    pub fn query(&self, expr: &str) -> Result<Vec<Sample>> {
        self.api.query(expr)
    }

    /// As [`Api::metadata`].
    pub fn metadata(&self) -> Result<Vec<(String, String, String)>> {
        self.api.metadata()
    }

    /// As [`Api::targets`].
    pub fn targets(&self) -> Result<Vec<Target>> {
        self.api.targets()
    }

    /// Waits until `count` targets are there and all of them up.
    pub fn wait_targets_up(&mut self, count: usize, limit: Duration) -> Result<Vec<Target>> {
        self.until(&format!("{count} targets up"), limit, |prometheus| {
            let targets = prometheus.targets()?;
            if targets.len() == count && targets.iter().all(|target| target.health == "up") {
                return Ok(targets);
            }
            Err(Error::new(format!("{targets:?}")))
        })
    }

    /// Waits until this query has a result, and returns it.
    pub fn wait_query(&mut self, expr: &str, limit: Duration) -> Result<Vec<Sample>> {
        self.until(&format!("a result of {expr}"), limit, |prometheus| {
            let series = prometheus.query(expr)?;
            if series.is_empty() { Err(Error::new("no series")) } else { Ok(series) }
        })
    }

    /// Waits for any condition on it; its ending meanwhile fails at once.
    pub fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        ready: impl Fn(&Prometheus) -> Result<T>,
    ) -> Result<T> {
        let outcome = crate::wait::until(what, limit, || {
            if let Some(status) = self.process.exited()? {
                return Ok(Err(Error::new(format!("prometheus ended ({status}) before {what}"))));
            }
            ready(self).map(Ok)
        });
        let said = |error| Error::new(format!("{error}\nprometheus said:\n{}", self.process.stderr()));
        outcome.and_then(|inner| inner).map_err(said)
    }
}

impl Api {
    /// The one at `http://HOST:PORT`.
    pub fn new(base: impl Into<String>) -> Api {
        Api { base: base.into() }
    }

    /// `data` of this API path's answer (`/api/v1/...`).
    pub fn get(&self, path: &str) -> Result<Value> {
        let answer = http::get(&format!("{}{path}", self.base), &[])?;
        let mut json: Value = serde_json::from_slice(&answer.body).map_err(Error::context(format!(
            "{path} answered {}: {}",
            answer.status,
            answer.text()
        )))?;
        if json["status"] != "success" {
            return Err(Error::new(format!("{path}: {}", json["error"])));
        }
        Ok(json["data"].take())
    }

    /// An instant query's series. A scalar is one series without labels.
    pub fn query(&self, expr: &str) -> Result<Vec<Sample>> {
        let data = self.get(&format!("/api/v1/query?query={}", encode(expr)))?;
        let value = |pair: &Value| pair[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        match data["resultType"].as_str() {
            Some("vector") => Ok(list(&data["result"])
                .iter()
                .map(|series| Sample { labels: labels(&series["metric"]), value: value(&series["value"]) })
                .collect()),
            Some("scalar") => Ok(vec![Sample { labels: Vec::new(), value: value(&data["result"]) }]),
            other => Err(Error::new(format!("{expr}: result type {other:?} is not for an instant query"))),
        }
    }

    /// Type and help by family, as scraped: `(name, type, help)`, sorted.
    pub fn metadata(&self) -> Result<Vec<(String, String, String)>> {
        let data = self.get("/api/v1/metadata")?;
        let mut all: Vec<_> = data
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(name, entries)| {
                list(entries).iter().map(|e| (name.clone(), text(&e["type"]), text(&e["help"])))
            })
            .collect();
        all.sort();
        Ok(all)
    }

    /// All active targets.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let data = self.get("/api/v1/targets?state=active")?;
        Ok(list(&data["activeTargets"])
            .iter()
            .map(|target| Target {
                job: text(&target["labels"]["job"]),
                instance: text(&target["labels"]["instance"]),
                health: text(&target["health"]),
                last_error: text(&target["lastError"]),
            })
            .collect())
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn labels(metric: &Value) -> Vec<(String, String)> {
    metric.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Percent-encodes all but unreserved characters.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

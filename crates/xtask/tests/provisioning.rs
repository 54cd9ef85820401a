//! What Grafana is provisioned with fits docker-compose.yml: no Grafana is needed to see that a path leads nowhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use exporter_testkit::{Error, Result, process, tools};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use xtask::repo;

const LIMIT: Duration = Duration::from_secs(60);
/// Where Grafana reads its provisioning when nothing else is said.
const PROVISIONING: &str = "/etc/grafana/provisioning";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Providers {
    api_version: u32,
    providers: Vec<Provider>,
}

/// Those of Grafana's keys that we use; another one would rather be a slip.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "their form is checked by reading them")]
struct Provider {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    folder: String,
    allow_ui_updates: bool,
    disable_deletion: bool,
    update_interval_seconds: u32,
    options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "their form is checked by reading them")]
struct Datasources {
    api_version: u32,
    prune: bool,
    datasources: Vec<Datasource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "their form is checked by reading them")]
struct Datasource {
    name: String,
    uid: String,
    #[serde(rename = "type")]
    kind: String,
    access: String,
    url: String,
    #[serde(default)]
    is_default: bool,
    editable: bool,
    json_data: BTreeMap<String, Value>,
}

/// docker-compose.yml as docker-compose understands it.
struct Stack(Value);

impl Stack {
    fn read(profiles: &str) -> Result<Stack> {
        let mut command = Command::new(tools::path("docker-compose")?);
        command.args(["-f", "docker-compose.yml", "config", "--format=json"]).current_dir(repo::root());
        let command = command.env("COMPOSE_PROFILES", profiles).env_remove("COMPOSE_ENV_FILES");
        Ok(Stack(serde_json::from_str(&process::run(command, LIMIT)?)?))
    }

    fn services(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["services"].as_object().into_iter().flatten()
    }

    /// Where a path in the service's container is in the repository.
    fn outside(&self, service: &str, inside: &str) -> Result<PathBuf> {
        for mount in list(&self.0["services"][service]["volumes"]).iter().filter(|m| m["type"] == "bind") {
            if let Ok(rest) = Path::new(inside).strip_prefix(text(&mount["target"])) {
                return Ok(Path::new(text(&mount["source"])).join(rest));
            }
        }
        Err(Error::new(format!("nothing is mounted at {inside} in the service {service}")))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The only file of this folder of the provisioning.
fn provisioned<T: DeserializeOwned>(stack: &Stack, folder: &str) -> Result<T> {
    let files = files(&stack.outside("grafana", &format!("{PROVISIONING}/{folder}"))?, "yml")?;
    assert_eq!(files.len(), 1, "{folder} holds {files:?}");
    let content = std::fs::read_to_string(&files[0])?;
    serde_yaml::from_str(&content).map_err(Error::context(files[0].display()))
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    repo::files_with(folder, &[extension]).map_err(Error::context(folder.display()))
}

/// The dashboards where the providers look for them.
fn dashboards(stack: &Stack) -> Result<Vec<(PathBuf, Value)>> {
    let mut all = Vec::new();
    let read: Providers = provisioned(stack, "dashboards")?;
    for provider in &read.providers {
        let path = provider.options.get("path").map_or("", String::as_str);
        let found = files(&stack.outside("grafana", path)?, "json")?;
        assert!(!found.is_empty(), "the provider {} finds no dashboard in {path}", provider.name);
        for file in found {
            let json =
                serde_json::from_slice(&std::fs::read(&file)?).map_err(Error::context(file.display()))?;
            all.push((file, json));
        }
    }
    Ok(all)
}

/// Every `datasource: {type, uid}` in a dashboard.
fn references<'a>(value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::Object(map) => {
            if let Some(uid) = map.get("datasource").and_then(|reference| reference.get("uid")) {
                found.push((text(&map["datasource"]["type"]), text(uid)));
            }
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[test]
fn compose_takes_the_file_with_and_without_grafana() -> Result {
    for (profiles, expected) in [("", 3), ("grafana", 4), ("grafana,containers", 5)] {
        let stack = Stack::read(profiles)?;
        let names: Vec<_> = stack.services().map(|(name, _)| name).collect();
        assert_eq!(names.len(), expected, "{names:?}");
    }
    Ok(())
}

#[test]
fn what_is_mounted_exists() -> Result {
    for (service, definition) in Stack::read("grafana,containers")?.services() {
        for mount in list(&definition["volumes"]).iter().filter(|mount| mount["type"] == "bind") {
            let source = text(&mount["source"]);
            // An engine's socket is there where an engine is.
            let is_there = Path::new(source).is_dir() || source.ends_with("/docker.sock");
            assert!(is_there, "{service}: {source} is no folder");
            assert_eq!(mount["read_only"], true, "{service}: {source}");
        }
    }
    Ok(())
}

#[test]
fn providers_find_their_dashboards() -> Result {
    let stack = Stack::read("grafana")?;
    let read: Providers = provisioned(&stack, "dashboards")?;
    assert_eq!(read.api_version, 1);
    for provider in &read.providers {
        assert_eq!(provider.kind, "file", "{}", provider.name);
        assert_eq!(provider.options.keys().collect::<Vec<_>>(), ["path"], "{}", provider.name);
    }
    let all = files(&repo::root().join("grafana/dashboards"), "json")?;
    assert_eq!(dashboards(&stack)?.into_iter().map(|(file, _)| file).collect::<Vec<_>>(), all);
    let home = &stack.0["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert!(stack.outside("grafana", text(home))?.is_file(), "there is no {home}");
    Ok(())
}

#[test]
fn datasources_lead_to_services() -> Result {
    let stack = Stack::read("grafana")?;
    let read: Datasources = provisioned(&stack, "datasources")?;
    assert_eq!(read.api_version, 1);
    for source in &read.datasources {
        let service = source.url.strip_prefix("http://").and_then(|rest| rest.split_once(':'));
        let (name, port) =
            service.ok_or_else(|| Error::new(format!("{}: not http://SERVICE:PORT", source.url)))?;
        let ports = list(&stack.0["services"][name]["ports"]);
        assert!(
            ports.iter().any(|p| p["target"].as_u64() == port.parse().ok()),
            "no service listens at {}",
            source.url
        );
        if let Some(version) = source.json_data.get("prometheusVersion") {
            let image = text(&stack.0["services"][name]["image"]);
            assert!(image.ends_with(&format!(":v{}", text(version))), "{image} is not {version}");
        }
        if let Some(interval) = source.json_data.get("timeInterval") {
            let content = std::fs::read_to_string(repo::root().join("prometheus/prometheus.yml"))?;
            let config: Value = serde_yaml::from_str(&content).map_err(Error::context("prometheus.yml"))?;
            assert_eq!(config["global"]["scrape_interval"], *interval);
        }
    }
    Ok(())
}

/// A variable of the type `datasource` starts with the default one; any other reference names one we provision.
#[test]
fn dashboards_refer_to_these_datasources() -> Result {
    let stack = Stack::read("grafana")?;
    let sources: Datasources = provisioned(&stack, "datasources")?;
    let default: Vec<_> = sources.datasources.iter().filter(|source| source.is_default).collect();
    assert_eq!(default.len(), 1, "exactly one datasource is the default");
    for (file, dashboard) in dashboards(&stack)? {
        let variables: Vec<_> =
            list(&dashboard["templating"]["list"]).iter().filter(|v| v["type"] == "datasource").collect();
        for variable in &variables {
            assert_eq!(text(&variable["query"]), default[0].kind, "{}", file.display());
        }
        let mut all = Vec::new();
        references(&dashboard, &mut all);
        assert!(!all.is_empty(), "{} asks no datasource", file.display());
        for (kind, uid) in all {
            let known = match uid.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => variables.iter().any(|v| v["name"] == name && text(&v["query"]) == kind),
                // Grafana's own, which has the annotations.
                None if uid == "-- Grafana --" => true,
                None => sources.datasources.iter().any(|s| s.uid == uid && s.kind == kind),
            };
            assert!(known, "{}: no datasource {uid} of type {kind}", file.display());
        }
    }
    Ok(())
}

//! `/probe?target=HOST:PORT/DATABASE&auth_module=NAME`: servers that the URL names, with logins from the file.
//!
//! A login goes only where `--probe.allow` lets it: without a list, a stranger could have it sent to a server of his.

use exporter_core::probe::{ProbeError, ProbeSpec, TargetPolicy, parameter};
use exporter_core::{ConfigError, Lookups, Secret, Settings, unquoted};
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::config;
use crate::connect::Connector;
use crate::dsn::{Dsn, Password};

#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    auth_modules: BTreeMap<String, Module>,
}

#[derive(Clone, Debug, Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    userpass: Login,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

#[derive(Clone, Default, Deserialize)]
struct Login {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    password_file: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.username)
    }
}

pub(crate) fn probes(settings: &Settings) -> Result<Vec<ProbeSpec>, ConfigError> {
    let path = settings.text("config.file");
    let file = match std::fs::read_to_string(path) {
        Ok(text) => {
            parse(&text).map_err(|error| ConfigError::new(format!("--config.file={path}: {error}")))?
        }
        // As with the peer, the file that nobody named may be absent.
        Err(_) if !settings.is_set("config.file") => File::default(),
        Err(error) => return Err(ConfigError::new(format!("--config.file={path}: {error}"))),
    };
    let policy = TargetPolicy::new(settings.list("probe.allow").iter().map(String::as_str))?;
    let lookups = Lookups::default();
    let (listed, settings) = (!settings.list("probe.allow").is_empty(), settings.clone());
    Ok(vec![ProbeSpec::new("/probe", &["target", "auth_module"], move |parameters| {
        let target = parameter(parameters, "target")
            .filter(|target| !target.is_empty())
            .ok_or_else(|| ProbeError::BadRequest("parameter target is missing".to_owned()))?;
        let module = match parameter(parameters, "auth_module").filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(file.auth_modules.get(name).ok_or_else(|| {
                ProbeError::BadRequest(format!("auth_module {name:?} is not in the configuration file"))
            })?),
        };
        if module.is_some() && !listed {
            return Err(ProbeError::Refused(
                "logins are sent to allowed targets only: name them by --probe.allow".to_owned(),
            ));
        }
        let dsn = dsn(target, module)?;
        let connector = Connector {
            dsn,
            limits: config::limits(&settings)?,
            policy: Some(policy.clone()),
            lookups: lookups.clone(),
            own_path: true,
        };
        Ok(vec![config::of_server(&settings, connector)?])
    })])
}

fn parse(text: &str) -> Result<File, ConfigError> {
    if text.trim().is_empty() {
        return Ok(File::default());
    }
    let file: File =
        serde_yaml::from_str(text).map_err(|error| ConfigError::new(unquoted(&error.to_string())))?;
    for (name, module) in &file.auth_modules {
        if module.kind != "userpass" {
            return Err(ConfigError::new(format!(
                "auth_module {name}: type {:?} is not userpass",
                module.kind
            )));
        }
    }
    Ok(file)
}

/// The target's server. What a stranger writes chooses host, port and database, nothing else: no file, no login.
fn dsn(target: &str, module: Option<&Module>) -> Result<Dsn, ProbeError> {
    let rest =
        target.strip_prefix("postgresql://").or_else(|| target.strip_prefix("postgres://")).unwrap_or(target);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    if authority.is_empty() || authority.contains(['@', '%', ',', '/']) {
        return Err(ProbeError::BadRequest("target: write HOST:PORT/DATABASE".to_owned()));
    }
    let mut mode = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) if value.chars().all(|c| c.is_ascii_lowercase() || c == '-') => {
                mode = Some(value)
            }
            _ => {
                return Err(ProbeError::BadRequest(
                    "target: of the options only sslmode may be given".to_owned(),
                ));
            }
        }
    }
    let user = module.map_or("postgres", |module| module.userpass.username.as_str());
    let mut text = format!("postgresql://{}@{authority}/{database}?", percent(user));
    for (name, value) in module.into_iter().flat_map(|module| &module.options) {
        text.push_str(&format!("{}={}&", percent(name), percent(value)));
    }
    if let Some(mode) = mode {
        text.push_str(&format!("sslmode={mode}"));
    }
    let mut dsn = Dsn::parse(&text, &|_| None)?;
    dsn.password = match module.map(|module| &module.userpass) {
        Some(login) if !login.password_file.is_empty() => Password::File(login.password_file.clone().into()),
        Some(login) => Password::Given(Secret::new(login.password.clone())),
        None => Password::Passfile(None),
    };
    Ok(dsn)
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_choose_the_place_only() {
        let module = Module {
            kind: "userpass".to_owned(),
            userpass: Login {
                username: "mon".to_owned(),
                password: "p".to_owned(),
                password_file: String::new(),
            },
            options: [("sslmode".to_owned(), "disable".to_owned())].into(),
        };
        assert_eq!(dsn("db:5433/shop", Some(&module)).unwrap().to_string(), "mon@db:5433/shop");
        assert_eq!(
            dsn("postgresql://db/shop?sslmode=require", None).unwrap().to_string(),
            "postgres@db:5432/shop"
        );
        for bad in ["", "me@db/x", "db/x?sslrootcert=/etc/passwd", "a,b/x", "%2Frun/x", "/run/postgresql"] {
            assert!(matches!(dsn(bad, Some(&module)), Err(ProbeError::BadRequest(_))), "{bad}");
        }
    }

    #[test]
    fn the_peers_file() {
        let text = "auth_modules:\n  foo:\n    type: userpass\n    userpass:\n      username: u\n      password: p\n    options:\n      sslmode: disable\n";
        assert_eq!(parse(text).unwrap().auth_modules["foo"].userpass.username, "u");
        assert!(parse("auth_modules:\n  foo:\n    type: aws\n").is_err());
        assert!(parse("").unwrap().auth_modules.is_empty());
        let error = parse("auth_modules: {a: {type: userpass, userpass: hunter2}}").unwrap_err().to_string();
        assert!(error.contains("auth_modules.a.userpass") && !error.contains("hunter2"), "{error}");
    }
}

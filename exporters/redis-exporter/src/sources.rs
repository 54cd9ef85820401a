//! From settings to sources.

use exporter_core::probe::{Parameters, ProbeError, ProbeSpec, TargetPolicy, parameter};
use exporter_core::{BoxedSource, Collector, ConfigError, Flag, Lookups, Settings, SourceSpec};

use crate::config::{self, Config};
use crate::connect::Access;
use crate::discover;
use crate::keyspace::{self, Keyspace, Wishes};
use crate::login::Login;
use crate::queues::workers;
use crate::server::{self, Server};
use crate::session::Session;
use crate::target::Target;
use crate::tls::Tls;

pub(crate) fn collectors() -> Vec<&'static Collector> {
    let mut all = vec![&server::SERVER, &server::LATENCY, &server::SLOWLOG, &server::CLIENTS];
    all.extend(keyspace::ALL);
    all.push(&workers::WORKERS);
    all
}

pub(crate) fn flags() -> Vec<Flag> {
    config::FLAGS.to_vec()
}

pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    match config::access(settings)? {
        Some(access) => specs(settings, &access),
        None => Ok(Vec::new()),
    }
}

/// The sources of one server.
fn specs(settings: &Settings, access: &Access) -> Result<Vec<SourceSpec>, ConfigError> {
    let config = Config::new(settings)?;
    let mut on: Vec<&'static Collector> = [&server::SERVER, &server::LATENCY, &server::SLOWLOG]
        .into_iter()
        .filter(|collector| settings.enabled(collector))
        .collect();
    if settings.switch("export-client-list") || settings.enabled(&server::CLIENTS) {
        on.push(&server::CLIENTS);
    }
    let mut specs = Vec::new();
    let wishes = Wishes::new(settings)?;
    let mut keys: Vec<_> =
        wishes.collectors().into_iter().filter(|collector| settings.enabled(collector)).collect();
    if !keys.is_empty() {
        keys.push(&keyspace::LOOKUPS);
        let (access, config) = (access.clone(), config.clone());
        specs.push(SourceSpec::new(keys, move || {
            Ok(BoxedSource::new(Keyspace::new(wishes.clone(), access.clone(), &config)))
        }));
    }
    if let Some(config) = workers::Config::new(settings)?.filter(|_| settings.enabled(&workers::WORKERS)) {
        let access = access.clone();
        specs.push(SourceSpec::new([&workers::WORKERS], move || Ok(workers::source(&access, &config))));
    }
    let (route, access) = (discover::route(&config, access), access.clone());
    let server = SourceSpec::new(on, move || {
        let session = Session::new(access.clone(), config.timeout, config.client_name, false);
        Ok(BoxedSource::new(Server::new(config.clone(), session)))
    });
    specs.push(server.with_route(route));
    Ok(specs)
}

/// What a URL of `/scrape` may say.
const PARAMETERS: &[&str] = &[
    "target",
    "check-keys",
    "check-single-keys",
    "check-streams",
    "check-single-streams",
    "count-keys",
    "tls_server_name",
];

/// Flags that a URL may set for its target.
const PER_TARGET: [&str; 5] =
    ["check-keys", "check-single-keys", "check-streams", "check-single-streams", "count-keys"];

/// `/scrape?target=`, as the peer has it.
pub(crate) fn probes(settings: &Settings) -> Result<Vec<ProbeSpec>, ConfigError> {
    if settings.switch("disable-scrape-endpoint") {
        return Ok(Vec::new());
    }
    let policy = TargetPolicy::new(settings.list("scrape.allowed-target").iter().map(String::as_str))?;
    let (login, tls) = (Login::new(settings)?, Tls::new(settings)?);
    let lookups = Lookups::default();
    drop(Config::new(settings)?);
    let settings = settings.clone();
    Ok(vec![ProbeSpec::new("/scrape", PARAMETERS, move |given: &Parameters| {
        let missing = || {
            ProbeError::BadRequest("parameter target is missing: /scrape?target=redis://HOST:PORT".to_owned())
        };
        let target = parameter(given, "target").filter(|target| !target.is_empty()).ok_or_else(missing)?;
        let mut target = Target::parse(target)?;
        // As the peer: a URL's user counts, a password has no place in it.
        target.password = None;
        let mut access = Access {
            target,
            login: login.clone(),
            tls: tls.clone(),
            policy: Some(policy.clone()),
            lookups: lookups.clone(),
        };
        let mut settings = settings.clone();
        for name in PER_TARGET {
            if let Some(value) = parameter(given, name) {
                settings.set(name, value);
            }
        }
        if let Some(name) = parameter(given, "tls_server_name") {
            access.tls.server_name = name.to_owned();
        }
        Ok(specs(&settings, &access)?)
    })])
}

//! What flags and the file of targets come to.

pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod pattern;
pub(crate) mod values;

use exporter_core::{ConfigError, Settings};
use std::collections::BTreeSet;
use std::path::PathBuf;

use file::{Endpoint, Expectation, File, Mode, Probe, Target, UsageSource, Watch};

/// The endpoint that has no name.
pub(crate) const DEFAULT: &str = "default";

#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// At least one.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) targets: Vec<Watching>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) state: Option<PathBuf>,
}

/// A target with its place.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    /// Index of its endpoint.
    pub(crate) endpoint: usize,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) watch: Watch,
    pub(crate) expectations: Vec<Expectation>,
}

impl Watching {
    pub(crate) fn parallel(&self) -> usize {
        // What comes in no order cannot be cut.
        if self.watch.ordered { self.watch.parallel.clamp(1, file::MAX_PARALLEL) } else { 1 }
    }

    pub(crate) fn mode(&self) -> Mode {
        match (self.watch.mode, &self.watch.pattern) {
            (Mode::Auto, _) if self.watch.usage == UsageSource::Cloudwatch => Mode::None,
            (Mode::Auto, Some(pattern)) if pattern.has_date() => Mode::Incremental,
            (Mode::Auto, _) => Mode::Full,
            (mode, _) => mode,
        }
    }
}

impl Expectation {
    pub(crate) fn is_about(&self, key: &str) -> bool {
        key.starts_with(self.prefix.as_str()) && self.key.as_ref().is_none_or(|pattern| pattern.fits(key))
    }
}

impl Config {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let path = settings.text("targets.file");
        let mut file = if path.is_empty() { File::default() } else { read(path)? };
        let failed = |why: String| {
            let place = if path.is_empty() { String::new() } else { format!("--targets.file={path}: ") };
            ConfigError::new(format!("{place}{why}"))
        };
        if file.endpoints.is_empty() {
            file.endpoints.push(flags::endpoint(settings)?);
        }
        file.targets.extend(flags::targets(settings)?);
        let state = match settings.text("state.file") {
            "" => file.state.clone(),
            path => Some(PathBuf::from(path)),
        };
        let endpoints = endpoints(file.endpoints).map_err(failed)?;
        let place = |name: &str| position(&endpoints, name);
        let mut targets = Vec::new();
        let mut seen = BTreeSet::new();
        for target in file.targets {
            let endpoint = place(&target.endpoint).map_err(failed)?;
            if !seen.insert((endpoint, target.bucket.clone(), target.prefix.clone())) {
                return Err(failed(format!("target {} {:?} is there twice", target.bucket, target.prefix)));
            }
            has_cloudwatch(&endpoints[endpoint], &target.watch).map_err(failed)?;
            targets.push(watching(endpoint, target).map_err(failed)?);
        }
        let mut names = BTreeSet::new();
        if let Some(twice) =
            targets.iter().flat_map(|t| &t.expectations).find(|e| !names.insert(e.name.clone()))
        {
            return Err(failed(format!("two expectations are called {:?}", twice.name)));
        }
        for probe in &file.probes {
            place(&probe.endpoint).map_err(failed)?;
            if let Some(replica) = &probe.replica {
                place(&replica.endpoint).map_err(failed)?;
            }
        }
        Ok(Self { endpoints, targets, probes: file.probes, state })
    }
}

fn read(path: &str) -> Result<File, ConfigError> {
    let failed = |why: String| ConfigError::new(format!("--targets.file={path}: {}", why.replace('\n', " ")));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_yaml::from_str(&text).map_err(|error| failed(exporter_core::unquoted(&error.to_string())))
}

fn endpoints(mut endpoints: Vec<Endpoint>) -> Result<Vec<Endpoint>, String> {
    let mut names = BTreeSet::new();
    for endpoint in &mut endpoints {
        if endpoint.name.is_empty() {
            endpoint.name = DEFAULT.to_owned();
        }
        if endpoint.region.is_empty() {
            // The SDK refuses to work without one; compatible servers take this.
            endpoint.region = "us-east-1".to_owned();
        }
        let name = &endpoint.name;
        if !names.insert(name.clone()) {
            return Err(format!("two endpoints are called {name:?}: give each a name of its own"));
        }
        let url = &endpoint.url;
        if !(url.is_empty() || url.starts_with("http://") || url.starts_with("https://")) {
            return Err(format!("endpoint {name}: url {url:?}: write http://HOST:PORT or https://HOST"));
        }
        let discovered = endpoint.discover.as_ref().and_then(|discover| discover.target.as_ref());
        if let Some(watch) = discovered {
            has_cloudwatch(endpoint, watch)?;
        }
        if endpoint.attempts == 0 || endpoint.attempts > 10 {
            return Err(format!("endpoint {name}: attempts: 1 to 10"));
        }
        let keys = &endpoint.credentials;
        let has_secret = keys.secret_access_key.is_some() || keys.secret_access_key_file.is_some();
        let has_id = !keys.access_key_id.is_empty() || keys.access_key_id_file.is_some();
        if has_id != has_secret {
            return Err(format!(
                "endpoint {name}: credentials: give both access_key_id and secret_access_key_file (or neither)"
            ));
        }
    }
    Ok(endpoints)
}

fn has_cloudwatch(endpoint: &Endpoint, watch: &Watch) -> Result<(), String> {
    if watch.usage == UsageSource::List || endpoint.url.is_empty() || !endpoint.cloudwatch_url.is_empty() {
        return Ok(());
    }
    Err(format!(
        "endpoint {}: usage: only AWS has CloudWatch; give cloudwatch_url if this server has one",
        endpoint.name
    ))
}

pub(crate) fn position(endpoints: &[Endpoint], name: &str) -> Result<usize, String> {
    if name.is_empty() && endpoints.len() == 1 {
        return Ok(0);
    }
    endpoints.iter().position(|endpoint| endpoint.name == name).ok_or_else(|| {
        let known: Vec<_> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        format!("no endpoint {name:?}; there are: {}", known.join(", "))
    })
}

/// A target with its endpoint's place.
pub(crate) fn watching(endpoint: usize, target: Target) -> Result<Watching, String> {
    let Target { bucket, prefix, mut watch, .. } = target;
    let failed = |why: &str| Err(format!("target {bucket}: {why}"));
    if bucket.is_empty() {
        return failed("bucket: write its name");
    }
    if watch.interval.0 < std::time::Duration::from_millis(50) {
        return failed("interval: not below 50ms");
    }
    let has_date = watch.pattern.as_ref().is_some_and(pattern::Pattern::has_date);
    if matches!(watch.mode, Mode::Incremental | Mode::Newest) && !has_date {
        return failed("this mode wants a pattern with a {date}: logs/{host}/{date:%Y-%m-%d}/");
    }
    if watch.usage == UsageSource::Cloudwatch {
        if !cfg!(feature = "cloudwatch") {
            return failed("usage: this program is built without the feature cloudwatch");
        }
        if !prefix.is_empty() {
            return failed("usage: CloudWatch knows whole buckets only; leave out the prefix, or list it");
        }
        if matches!(watch.mode, Mode::Full | Mode::Incremental) {
            return failed("usage: a bucket that is listed needs no CloudWatch; leave out one of the two");
        }
    }
    let expectations = std::mem::take(&mut watch.expectations)
        .into_iter()
        .map(|mut expectation| {
            expectation.prefix.insert_str(0, &prefix);
            expectation
        })
        .collect();
    let watching = Watching { endpoint, bucket, prefix, watch, expectations };
    if matches!(watching.mode(), Mode::None | Mode::Newest) && !watching.expectations.is_empty() {
        return Err(format!(
            "target {}: expectations are judged by a list of all objects, which mode newest, mode none and usage cloudwatch have not",
            watching.bucket
        ));
    }
    Ok(watching)
}

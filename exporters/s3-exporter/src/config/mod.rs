//! What flags and the file of targets come to.

pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod pattern;
pub(crate) mod values;

use exporter_core::{ConfigError, Secret, Settings};
use std::collections::BTreeSet;
use std::path::PathBuf;

use file::{Credentials, Endpoint, Expectation, File, Mode, Probe, Source, Target, UsageSource, Watch};

/// What a probe writes is held in memory.
const MAX_OBJECT: u64 = 64 << 20;

/// The endpoint that has no name.
pub(crate) const DEFAULT: &str = "default";

#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// At least one.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) targets: Vec<Watching>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) state: Option<PathBuf>,
    /// The file that all this comes from; empty without one.
    pub(crate) path: String,
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
        if self.watch.ordered { self.watch.parallel } else { 1 }
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

impl Credentials {
    /// A file that is not there is a mistake to be told at the start: nobody waits for the first request.
    fn check(&self) -> Result<(), String> {
        let has_secret = self.secret_access_key.is_some() || self.secret_access_key_file.is_some();
        let has_id = !self.access_key_id.is_empty() || self.access_key_id_file.is_some();
        if has_id != has_secret {
            return Err("give both access_key_id and secret_access_key_file (or neither)".to_owned());
        }
        if has_id && (self.source != Source::Auto || !self.profile.is_empty()) {
            return Err("keys are here, and another source is named: leave out one of the two".to_owned());
        }
        for (key, path) in [
            ("access_key_id_file", &self.access_key_id_file),
            ("secret_access_key_file", &self.secret_access_key_file),
            ("session_token_file", &self.session_token_file),
        ] {
            let Some(path) = path else { continue };
            if !has_id {
                return Err(format!("{key}: give access_key_id and secret_access_key_file with it"));
            }
            let secret = Secret::from_file(path).map_err(|error| format!("{key}: {error}"))?;
            if secret.is_empty() {
                return Err(format!("{key}: {} is empty", path.display()));
            }
        }
        Ok(())
    }
}

impl Probe {
    fn check(&self) -> Result<(), String> {
        if self.access.is_none()
            && self.roundtrip.is_none()
            && self.throughput.is_none()
            && self.replica.is_none()
        {
            return Err(
                "it checks nothing: give it access: {}, roundtrip: {}, throughput: {} or replica".to_owned()
            );
        }
        for (check, size) in [("roundtrip", &self.roundtrip), ("throughput", &self.throughput)] {
            let size = size.as_ref().and_then(|config| config.size).unwrap_or_default();
            if size.0 > MAX_OBJECT {
                return Err(format!("{check}: size: at most 64MiB, since it is held in memory"));
            }
        }
        Ok(())
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
            probe.check().map_err(|why| failed(format!("probe {}: {why}", probe.bucket)))?;
            if let Some(replica) = &probe.replica {
                place(&replica.endpoint).map_err(failed)?;
            }
        }
        Ok(Self { endpoints, targets, probes: file.probes, state, path: path.to_owned() })
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
            // As each bucket that is found will be.
            let (bucket, prefix) = ("any".to_owned(), String::new());
            let target = Target { endpoint: name.clone(), bucket, prefix, watch: watch.clone() };
            watching(0, target).map_err(|why| format!("endpoint {name}: discover: {why}"))?;
        }
        if endpoint.attempts == 0 || endpoint.attempts > 10 {
            return Err(format!("endpoint {name}: attempts: 1 to 10"));
        }
        endpoint.credentials.check().map_err(|why| format!("endpoint {name}: credentials: {why}"))?;
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
    // An access point's name has a slash.
    let is_odd = |c: char| c == '/' && !bucket.starts_with("arn:") || c.is_whitespace();
    if bucket.is_empty() || bucket.contains(is_odd) {
        return failed("bucket: write its name, without blanks and slashes; what is below it is its prefix");
    }
    if watch.interval.0 < std::time::Duration::from_millis(50) {
        return failed("interval: not below 50ms");
    }
    if !(1..=file::MAX_PARALLEL).contains(&watch.parallel) {
        return failed(&format!("parallel: 1 to {}", file::MAX_PARALLEL));
    }
    for Expectation { name, min_ratio_to_previous: ratio, .. } in &watch.expectations {
        if ratio.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
            return failed(&format!(
                "expectation {name}: min_ratio_to_previous: 0 to 1; 0.5 is half of the one before"
            ));
        }
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

//! One file that keeps what is known over a restart.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::snapshot::Passed;
use super::watcher::Watcher;
use crate::client::Endpoint;
use crate::client::limits::Spent;
use crate::config::Watching;

/// Another number is another format: what it holds is not read.
const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
struct Stored {
    version: u32,
    /// By endpoint.
    spent: BTreeMap<String, Spent>,
    targets: Vec<StoredTarget>,
}

#[derive(Debug, Deserialize)]
struct StoredTarget {
    endpoint: String,
    bucket: String,
    prefix: String,
    fingerprint: u64,
    passed: Passed,
}

#[derive(Serialize)]
struct Storing<'a> {
    version: u32,
    spent: BTreeMap<&'a str, Spent>,
    targets: Vec<StoringTarget<'a>>,
}

#[derive(Serialize)]
struct StoringTarget<'a> {
    endpoint: &'a str,
    bucket: &'a str,
    prefix: &'a str,
    fingerprint: u64,
    passed: &'a Passed,
}

impl StoredTarget {
    /// Whether it answers the same question.
    fn is_of(&self, watcher: &Watcher) -> bool {
        let watching = &watcher.watching;
        watcher.endpoint.config.name == self.endpoint
            && watching.bucket == self.bucket
            && watching.prefix == self.prefix
            && fingerprint(watching) == self.fingerprint
    }

    fn again(&self) -> StoringTarget<'_> {
        let Self { endpoint, bucket, prefix, fingerprint, passed } = self;
        StoringTarget { endpoint, bucket, prefix, fingerprint: *fingerprint, passed }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    path: Option<PathBuf>,
    /// What was stored of buckets that are not found again yet.
    unclaimed: Mutex<Vec<StoredTarget>>,
    /// Whether the file could not be read or written the last time.
    broken: Mutex<bool>,
}

impl State {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    /// `None` where nothing is kept.
    pub(crate) fn is_broken(&self) -> Option<bool> {
        self.path.as_ref()?;
        Some(*self.broken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives watchers and budgets what was stored of them.
    pub(crate) fn load(&self, watchers: &[Arc<Watcher>], endpoints: &[Arc<Endpoint>]) {
        let Some(path) = &self.path else { return };
        let stored = match read(path) {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(path = %path.display(), error, "the state file cannot be used; starting afresh");
                return;
            }
        };
        for endpoint in endpoints {
            if let Some(spent) = stored.spent.get(&endpoint.config.name) {
                endpoint.budget.restore(*spent);
            }
        }
        for target in stored.targets {
            let finds = |endpoint: &Arc<Endpoint>| {
                endpoint.config.name == target.endpoint
                    && endpoint.config.discover.as_ref().is_some_and(|discover| discover.target.is_some())
            };
            if let Some(watcher) = watchers.iter().find(|watcher| target.is_of(watcher)) {
                watcher.restore(target.passed);
            } else if endpoints.iter().any(finds) {
                self.unclaimed().push(target);
            }
        }
    }

    fn unclaimed(&self) -> MutexGuard<'_, Vec<StoredTarget>> {
        self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a watcher that is new what was stored of it.
    pub(crate) fn claim(&self, watcher: &Watcher) {
        let mut unclaimed = self.unclaimed();
        if let Some(at) = unclaimed.iter().position(|target| target.is_of(watcher)) {
            watcher.restore(unclaimed.swap_remove(at).passed);
        }
    }

    /// Nobody will claim what is left of an endpoint.
    pub(crate) fn forget(&self, endpoint: &str) {
        self.unclaimed().retain(|target| target.endpoint != endpoint);
    }

    pub(crate) fn save(&self, watchers: &[Arc<Watcher>], endpoints: &[Arc<Endpoint>]) {
        let Some(path) = &self.path else { return };
        let result = self.write(path, watchers, endpoints);
        if let Err(error) = &result {
            tracing::error!(path = %path.display(), %error, "the state file cannot be written");
        }
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = result.is_err();
    }

    /// A half-written file never takes the place of a whole one.
    fn write(
        &self,
        path: &Path,
        watchers: &[Arc<Watcher>],
        endpoints: &[Arc<Endpoint>],
    ) -> std::io::Result<()> {
        let passed: Vec<_> = watchers.iter().map(|watcher| watcher.lock().passed.clone()).collect();
        let known = watchers.iter().zip(&passed).filter_map(|(watcher, passed)| {
            Some(StoringTarget {
                endpoint: &watcher.endpoint.config.name,
                bucket: &watcher.watching.bucket,
                prefix: &watcher.watching.prefix,
                fingerprint: fingerprint(&watcher.watching),
                passed: passed.as_ref()?,
            })
        });
        let unclaimed = self.unclaimed();
        let targets = known.chain(unclaimed.iter().map(StoredTarget::again));
        let spent = endpoints.iter().map(|one| (one.config.name.as_str(), one.budget.spent())).collect();
        let storing = Storing { version: VERSION, spent, targets: targets.collect() };
        let beside = path.with_extension("new");
        let mut file = BufWriter::new(std::fs::File::create(&beside)?);
        serde_json::to_writer(&mut file, &storing)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&beside, path)
    }
}

fn read(path: &Path) -> Result<Option<Stored>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let stored: Stored = serde_json::from_reader(BufReader::new(file)).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!("it is of version {}, not {VERSION}", stored.version));
    }
    Ok(Some(stored))
}

/// What was found counts only for the same question.
fn fingerprint(watching: &Watching) -> u64 {
    let watch = &watching.watch;
    let mut hasher = DefaultHasher::new();
    (watch.versions, watch.pattern.as_ref().map(|pattern| &pattern.text)).hash(&mut hasher);
    format!("{:?} {:?}", watch.mode, watching.expectations).hash(&mut hasher);
    hasher.finish()
}

//! The configuration in force, read again when its files have changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

use super::WebConfig;
use crate::exporter::ConfigError;
use crate::http::App;

/// Files are looked at no more often, and only when somebody comes.
const EVERY: Duration = Duration::from_secs(1);
/// A file system that hangs keeps nobody waiting for longer.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// How the files looked when they were read: path, and what `stat` says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

type Stamp = (i64, i64, u64, u64);

impl Stamps {
    /// Called before the file is read: what changes later is a change.
    pub(super) fn note(&mut self, path: &Path) {
        self.0.push((path.to_owned(), stamp(path)));
    }

    fn changed(&self) -> bool {
        self.0.iter().any(|(path, old)| stamp(path) != *old)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.size(), metadata.ino()))
}

/// A web configuration file.
#[derive(Debug)]
pub(crate) struct Web {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<WebConfig>,
    /// Of the last try, good or bad: a bad file is told about once.
    stamps: Stamps,
    looked: Instant,
    /// Somebody is looking. On a file system that hangs, one thread is enough.
    looking: bool,
}

/// Somebody looks, until dropped.
struct Looking(Arc<Web>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.lock().looking = false;
    }
}

impl Web {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it or with a file that it names.
    pub(crate) fn load(path: &str) -> Result<Self, ConfigError> {
        let (path, mut stamps) = (PathBuf::from(path), Stamps::default());
        let config = Arc::new(WebConfig::load(&path, &mut stamps)?);
        Ok(Self { path, state: Mutex::new(State { config, stamps, looked: Instant::now(), looking: false }) })
    }

    /// The configuration as the files have it, give or take a second.
    pub(crate) async fn current(self: &Arc<Self>, app: &App) -> Arc<WebConfig> {
        let stamps = {
            let mut state = self.lock();
            if state.looking || state.looked.elapsed() < EVERY {
                return state.config.clone();
            }
            (state.looked, state.looking) = (Instant::now(), true);
            state.stamps.clone()
        };
        let web = Looking(self.clone());
        let read = tokio::task::spawn_blocking(move || stamps.changed().then(|| web.0.read_again()));
        match timeout(MAX_WAIT, read).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(good))) => app.own.web_config_read(good),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(file = %self.path.display(), "web configuration not read in time")
            }
        }
        self.lock().config.clone()
    }

    /// The one in force, however old.
    pub(crate) fn last(&self) -> Arc<WebConfig> {
        self.lock().config.clone()
    }

    fn read_again(&self) -> bool {
        let mut stamps = Stamps::default();
        let read = WebConfig::load(&self.path, &mut stamps);
        let mut state = self.lock();
        state.stamps = stamps;
        match read {
            Ok(config) => {
                state.config = Arc::new(config);
                tracing::info!(file = %self.path.display(), "web configuration read again");
                true
            }
            Err(error) => {
                tracing::error!(%error, "web configuration not usable; the one before stays");
                false
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

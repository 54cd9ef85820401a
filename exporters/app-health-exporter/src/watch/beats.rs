//! What tasks have told, as the state file keeps it across restarts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) type Beats = BTreeMap<String, Beat>;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Beat {
    /// When it reported last; 0 for never.
    pub(super) at: f64,
    pub(super) code: Option<f64>,
    pub(super) duration: Option<f64>,
    /// When it was first waited for.
    pub(super) since: f64,
}

/// The kept beats, and whether they could not be read.
pub(super) fn load(path: &Path) -> (Beats, bool) {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Default::default(),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "heartbeats cannot be read");
            return (BTreeMap::new(), true);
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(beats) => (beats, false),
        Err(error) => {
            let aside = path.with_extension("corrupt");
            // Kept for whoever wants to know; without it the next heartbeat would write over it.
            let moved = std::fs::rename(path, &aside).is_ok();
            tracing::error!(path = %path.display(), %error, moved, "heartbeats are not readable; starting without");
            (BTreeMap::new(), true)
        }
    }
}

/// A half-written file never takes the place of a whole one. Returns whether it went wrong.
pub(super) fn save(path: &Path, beats: &Beats) -> bool {
    let result = write(path, beats);
    if let Err(error) = &result {
        tracing::error!(path = %path.display(), %error, "heartbeats cannot be kept");
    }
    result.is_err()
}

fn write(path: &Path, beats: &Beats) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    let bytes = serde_json::to_vec(beats).map_err(std::io::Error::other)?;
    let mut file = std::fs::File::create(&temporary)?;
    std::io::Write::write_all(&mut file, &bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

//! Containers by the names of their cgroups, for hosts without an engine to ask.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cache::unix;
use crate::cgroup::{Layout, scan};
use crate::model::{Container, State};

/// How old the list of directories may be.
const SCAN_AGE: Duration = Duration::from_secs(5);

/// Containers by the names of their cgroups.
#[derive(Default)]
pub(crate) struct Scanned {
    pub(crate) found: HashMap<String, (Arc<Container>, Arc<str>)>,
    at: Option<Instant>,
}

impl Scanned {
    /// Looks again if it is time to; whether it has.
    pub(crate) fn refresh(&mut self, layout: &Layout, max: usize) -> bool {
        if self.at.is_some_and(|at| at.elapsed() < SCAN_AGE) {
            return false;
        }
        self.at = Some(Instant::now());
        let root = layout.directory(layout.main(), "/");
        let Ok(all) = scan(&root, max) else { return false };
        let mut before = std::mem::take(&mut self.found);
        for (id, path) in all {
            let one = before.remove(&id).filter(|(_, old)| **old == *path).unwrap_or_else(|| {
                let made = std::fs::metadata(layout.directory(layout.main(), &path))
                    .and_then(|file| file.modified());
                let started = made.map_or(0.0, unix);
                let name = id.get(..12).unwrap_or(&id).to_owned();
                let state = State::Running;
                let container = Container {
                    id: id.clone(),
                    name,
                    state,
                    started,
                    created: started,
                    ..Container::default()
                };
                (Arc::new(container), path.as_str().into())
            });
            self.found.insert(id, one);
        }
        true
    }
}

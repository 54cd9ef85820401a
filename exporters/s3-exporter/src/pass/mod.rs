//! One listing of a target, in the background, and what is kept of it.

pub(crate) mod full;
pub(crate) mod groups;
pub(crate) mod incremental;
pub(crate) mod newest;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod watcher;

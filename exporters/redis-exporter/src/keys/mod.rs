//! Keys: what is known by name, what a search finds, and where in a cluster they are.

pub(crate) mod details;
pub(crate) mod list;
pub(crate) mod nodes;
pub(crate) mod scan;
mod slots;
pub(crate) mod streams;

//! Keys: what is known by name, what a search finds, and where in a cluster they are.

pub(crate) mod details;
pub(crate) mod groups;
pub(crate) mod list;
mod lua_pattern;
pub(crate) mod nodes;
pub(crate) mod scan;
pub(crate) mod scripts;
mod slots;
pub(crate) mod streams;

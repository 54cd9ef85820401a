//! Configuration files: the peers' modules as they are, and our own file of checks.

pub(crate) mod checks;
pub(crate) mod client;
pub(crate) mod json;
pub(crate) mod masked;
pub(crate) mod modules;
pub(crate) mod options;
pub(crate) mod values;
pub(crate) mod words;

//! Cgroups of either version: where they are, and what they say.

mod files;
mod layout;
mod limits;
pub(crate) mod parse;
mod scan;
mod sources;
mod usage;

pub(crate) use files::{Gone, Reader, directory};
pub(crate) use layout::Layout;
pub(crate) use scan::scan;
pub(crate) use usage::{Cgroup, Usage, Wanted};

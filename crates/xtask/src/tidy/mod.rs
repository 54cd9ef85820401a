//! Checks about the repository itself: what every file and every crate has in common.

mod manifests;
mod sources;

use std::path::Path;

use anyhow::Result;

use crate::Violation;

/// Checks the repository at `root`.
pub fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut found = sources::check(root)?;
    found.extend(manifests::check(root)?);
    found.sort();
    Ok(found)
}

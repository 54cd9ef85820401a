//! The repository's files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold nothing we wrote.
const NOT_OURS: [&str; 3] = [".git", "node_modules", "target"];

/// The repository's root.
pub fn root() -> PathBuf {
    exporter_testkit::tools::workspace_root()
}

/// Every file at or below `dir`, sorted, build output and version control left out. No such folder is no file.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if dir.exists() {
        walk(dir, &mut found)?;
    }
    found.sort();
    Ok(found)
}

/// Those of [`files`] with one of these extensions.
pub fn files_with(dir: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let wanted = |path: &PathBuf| path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x));
    Ok(files(dir)?.into_iter().filter(wanted).collect())
}

/// The path from the root, for messages.
pub fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let context = || dir.display().to_string();
    for entry in std::fs::read_dir(dir).with_context(context)? {
        let entry = entry.with_context(context)?;
        let kind = entry.file_type().with_context(context)?;
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}

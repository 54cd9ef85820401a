//! Folders that last as long as their value.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// A new empty folder, removed with all it holds when dropped.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A folder of its own for each call, under the system's temporary folder.
    pub fn new() -> Result<TempDir> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name =
                format!("exporters-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(TempDir(path)),
                // Left behind by a killed run whose process id came round again.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::new(format!("cannot create {}: {error}", path.display()))),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file below it, with the folders it needs, and returns its full path.
    pub fn write(&self, file: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.0.join(file);
        let context = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::context(context()))?;
        }
        std::fs::write(&path, content).map_err(Error::context(context()))?;
        Ok(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // Nothing useful can be done about a failure here, and a drop must not hide the test's own result.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder with these files in it: a small /proc, a textfile folder, a configuration.
pub fn tree<C: AsRef<[u8]>>(files: &[(&str, C)]) -> Result<TempDir> {
    let dir = TempDir::new()?;
    for (file, content) in files {
        dir.write(file, content)?;
    }
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_and_then_gone() {
        let dir = tree(&[("proc/stat", "cpu 1\n"), ("sys/class/net/lo/mtu", "65536\n")]).unwrap();
        let root = dir.path().to_path_buf();
        assert_eq!(std::fs::read_to_string(root.join("sys/class/net/lo/mtu")).unwrap(), "65536\n");
        drop(dir);
        assert!(!root.exists());
    }

    #[test]
    fn every_folder_is_its_own() {
        let (a, b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        assert_ne!(a.path(), b.path());
    }
}

//! Which version of cgroups a host has, and where a container's directories are.

use std::path::{Path, PathBuf};

use super::parse::path_of;

/// A hierarchy of version 1, or the one tree of version 2 (which a host of version 1 may have beside the others).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tree {
    Memory,
    Cpu,
    Cpuacct,
    Blkio,
    Pids,
    Unified,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A host's cgroup mounts.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) version: Version,
    root: PathBuf,
    /// Version 1 with version 2 beside it, without controllers but with CPU time and pressure.
    hybrid: bool,
}

impl Layout {
    /// Looks at what is mounted at `root`; `None` where there are no cgroups.
    pub(crate) fn detect(root: &Path) -> Option<Self> {
        let version = if root.join("cgroup.controllers").exists() {
            Version::Two
        } else if root.join("memory").is_dir() || root.join("cpu").is_dir() {
            Version::One
        } else {
            return None;
        };
        let hybrid = version == Version::One && root.join("unified/cgroup.procs").exists();
        Some(Self { version, root: root.to_owned(), hybrid })
    }

    /// Whether this tree can be read.
    pub(crate) fn has(&self, tree: Tree) -> bool {
        match self.version {
            Version::Two => tree == Tree::Unified,
            Version::One => tree != Tree::Unified || self.hybrid,
        }
    }

    /// The directory of a tree; of the host with path `/`.
    pub(crate) fn directory(&self, tree: Tree, path: &str) -> PathBuf {
        let base = match (self.version, tree) {
            (Version::Two, _) => self.root.clone(),
            (Version::One, Tree::Memory) => self.root.join("memory"),
            (Version::One, Tree::Cpu) => self.root.join("cpu"),
            (Version::One, Tree::Cpuacct) => self.root.join("cpuacct"),
            (Version::One, Tree::Blkio) => self.root.join("blkio"),
            (Version::One, Tree::Pids) => self.root.join("pids"),
            (Version::One, Tree::Unified) => self.root.join("unified"),
        };
        match path.trim_start_matches('/') {
            "" => base,
            path => base.join(path),
        }
    }

    /// The tree by which containers are found.
    pub(crate) fn main(&self) -> Tree {
        match self.version {
            Version::One => Tree::Memory,
            Version::Two => Tree::Unified,
        }
    }

    /// A container's path, by what `/proc/PID/cgroup` says. Nothing if that is not the container's: its process has ended
    /// and another got its number.
    pub(crate) fn path_from(&self, text: &[u8], id: &str) -> Option<String> {
        let controller: &[u8] = match self.version {
            Version::One => b"memory",
            Version::Two => b"",
        };
        let path = std::str::from_utf8(path_of(text, controller)?).ok()?;
        // Up to the part that names the container; systemd inside it may have made more.
        let end = path.find(id)? + id.len();
        let end = path[end..].find('/').map_or(path.len(), |at| end + at);
        // A cgroup namespace shows what is outside of it as `/..`.
        let path = &path[..end];
        (!path.starts_with("/..")).then(|| path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        let detect = |files: &[(&str, &str)]| {
            let dir = exporter_testkit::fixture::tree(files).unwrap();
            Layout::detect(dir.path()).map(|layout| (layout.version, layout.hybrid))
        };
        assert_eq!(detect(&[("cgroup.controllers", "cpu")]), Some((Version::Two, false)));
        assert_eq!(detect(&[("memory/tasks", "")]), Some((Version::One, false)));
        assert_eq!(detect(&[("memory/tasks", ""), ("unified/cgroup.procs", "")]), Some((Version::One, true)));
        assert_eq!(detect(&[("x", "")]), None);
    }

    #[test]
    fn the_path_ends_with_the_container() {
        let layout = Layout { version: Version::Two, root: "/c".into(), hybrid: false };
        let path = |text: &str| layout.path_from(text.as_bytes(), "abc");
        assert_eq!(
            path("0::/machine.slice/libpod-abc.scope/container\n"),
            Some("/machine.slice/libpod-abc.scope".into())
        );
        assert_eq!(path("0::/docker/abc\n"), Some("/docker/abc".into()));
        assert_eq!(path("0::/../abc\n"), None);
        assert_eq!(path("0::/user.slice\n"), None);
        assert_eq!(layout.directory(Tree::Unified, "/docker/abc"), Path::new("/c/docker/abc"));
    }
}

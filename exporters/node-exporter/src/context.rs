//! What every collector is made from: where the host's files are, and the flags.

use exporter_core::{ConfigError, Flag, Settings};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value("path.procfs", "/proc", "Where the host's procfs is mounted."),
    Flag::value("path.sysfs", "/sys", "Where the host's sysfs is mounted."),
    Flag::value("path.rootfs", "/", "Where the host's root filesystem is mounted."),
    Flag::value("path.udev.data", "/run/udev/data", "Where udev keeps its data."),
    // Ours: one filter for all collectors about network interfaces, beside each one's own.
    Flag::value(
        "collector.network.device-include",
        "",
        "Interfaces that any collector reports, as a regular expression.",
    ),
    Flag::value(
        "collector.network.device-exclude",
        "",
        "Interfaces that every collector leaves out, as a regular expression.",
    ),
];

/// Paths and settings of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    procfs: PathBuf,
    sysfs: PathBuf,
    rootfs: PathBuf,
    udev: PathBuf,
    pub(crate) settings: Settings,
}

impl Context {
    /// # Errors
    /// A path that was given and is no directory: all its collectors would be silent.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let path = |name| PathBuf::from(settings.text(name));
        for name in
            ["path.procfs", "path.sysfs", "path.rootfs"].into_iter().filter(|name| settings.is_set(name))
        {
            let why = match std::fs::metadata(path(name)) {
                Ok(metadata) if metadata.is_dir() => continue,
                Ok(_) => "not a directory".to_owned(),
                Err(error) => error.to_string(),
            };
            let given = settings.text(name);
            return Err(ConfigError::new(format!(
                "--{name}={given}: {why}; name the directory where it is mounted"
            )));
        }
        Ok(Self {
            procfs: path("path.procfs"),
            sysfs: path("path.sysfs"),
            rootfs: path("path.rootfs"),
            udev: path("path.udev.data"),
            settings: settings.clone(),
        })
    }

    /// A file under `/proc`.
    pub(crate) fn proc(&self, file: &str) -> PathBuf {
        self.procfs.join(file)
    }

    /// Whether we look at a host from within a container: its `/proc` is mounted elsewhere.
    pub(crate) fn in_container(&self) -> bool {
        self.procfs != Path::new("/proc")
    }

    /// Whether sockets of ours see the host's network: on the host itself, and in a container that shares its network.
    ///
    /// A file of `/proc/net` has an inode of its own in each network namespace, the same in every mount of procfs, and
    /// anyone may look at it.
    pub(crate) fn shares_network(&self) -> bool {
        let inode = |path: &Path| std::fs::metadata(path).ok().map(|file| file.ino());
        !self.in_container()
            || inode(&self.proc_net("dev"))
                .is_some_and(|host| inode(Path::new("/proc/net/dev")) == Some(host))
    }

    /// A file under `/proc/net`. In a container `net` would be the container's own, so there it is that of the host's
    /// first process.
    pub(crate) fn proc_net(&self, file: &str) -> PathBuf {
        let directory = if self.in_container() { "1/net" } else { "net" };
        self.procfs.join(directory).join(file)
    }

    /// A file under `/sys`.
    pub(crate) fn sys(&self, file: &str) -> PathBuf {
        self.sysfs.join(file)
    }

    /// Where the host's `/` is seen from here.
    pub(crate) fn rootfs(&self) -> &Path {
        &self.rootfs
    }

    /// udev's database.
    pub(crate) fn udev(&self, file: &str) -> PathBuf {
        self.udev.join(file)
    }
}

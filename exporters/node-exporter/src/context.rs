//! What every collector is made from: where the host's files are, and the flags.

use exporter_core::{Flag, Settings};
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
    pub(crate) fn new(settings: &Settings) -> Self {
        let path = |name| PathBuf::from(settings.text(name));
        Self {
            procfs: path("path.procfs"),
            sysfs: path("path.sysfs"),
            rootfs: path("path.rootfs"),
            udev: path("path.udev.data"),
            settings: settings.clone(),
        }
    }

    /// A file under `/proc`.
    pub(crate) fn proc(&self, file: &str) -> PathBuf {
        self.procfs.join(file)
    }

    /// Whether we look at a host from within a container: its `/proc` is mounted elsewhere.
    pub(crate) fn in_container(&self) -> bool {
        self.procfs != Path::new("/proc")
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

//! File systems of the host that have a disk of their own; a source of its own, since asking a dying disk can hang.

use exporter_core::{BlockingSource, BoxedSource, CollectError, Scrape, Sink};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::families::*;
use crate::options::Options;
use crate::text::{fields, lines};

/// Each container has mounts: a list of hundreds is dear to make, and disks seldom come and go.
const MOUNTS_AGE: Duration = Duration::from_secs(60);

struct Disks {
    procfs: PathBuf,
    rootfs: PathBuf,
    mounts: BTreeMap<String, String>,
    read_at: Option<Instant>,
}

pub(crate) fn source(options: &Options) -> BoxedSource {
    BoxedSource::blocking(Disks {
        procfs: options.procfs.clone(),
        rootfs: options.rootfs.clone(),
        mounts: BTreeMap::new(),
        read_at: None,
    })
}

impl BlockingSource for Disks {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if self.read_at.is_none_or(|at| at.elapsed() > MOUNTS_AGE) {
            // The first process sees the host's mounts, whatever namespace we are in.
            let text = std::fs::read(self.procfs.join("1/mountinfo"))
                .or_else(|_| std::fs::read(self.procfs.join("self/mountinfo")))?;
            self.mounts = mounts(&text);
            self.read_at = Some(Instant::now());
        }
        for (device, mount) in &self.mounts {
            let path = self.rootfs.join(mount.trim_start_matches('/'));
            // One that cannot be asked must not hide the others.
            let Ok(stat) = rustix::fs::statvfs(&path) else { continue };
            let (device, free) = (device.as_str(), stat.f_bfree.min(stat.f_blocks));
            let set =
                sink.label_set(None, [("id", &"/" as &dyn exporter_core::LabelValue), ("device", &device)])?;
            sink.put_set(&FS_USAGE, set, (stat.f_blocks - free) * stat.f_frsize);
            sink.put_set(&FS_LIMIT, set, stat.f_blocks * stat.f_frsize);
            sink.put_set(&FS_INODES_FREE, set, stat.f_ffree);
            sink.put_set(&FS_INODES_TOTAL, set, stat.f_files);
        }
        Ok(())
    }
}

/// One mount point for each device, the one nearest to the root.
fn mounts(text: &[u8]) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for line in lines(text) {
        let mut parts = fields(line).skip(4);
        let Some(mount) = parts.next() else { continue };
        let Some(device) = parts.skip_while(|part| *part != b"-").nth(2) else { continue };
        if !device.starts_with(b"/dev/") || device.starts_with(b"/dev/loop") || mount.contains(&b'\\') {
            continue;
        }
        let text = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_string_lossy().into_owned();
        let (device, mount) = (text(device), text(mount));
        let place = found.entry(device).or_insert_with(|| mount.clone());
        if mount.len() < place.len() {
            *place = mount;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_counts_once() {
        let text = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            23 22 0:5 / /proc rw - proc proc rw\n\
            24 22 254:0 /var/lib /mnt/x rw - ext4 /dev/vda rw\n\
            25 22 7:0 / /snap rw - squashfs /dev/loop0 ro\n\
            26 22 8:1 / /data rw - xfs /dev/sda1 rw\nbroken\n";
        let expected = [("/dev/sda1", "/data"), ("/dev/vda", "/")];
        assert_eq!(mounts(text).iter().map(|(d, m)| (d.as_str(), m.as_str())).collect::<Vec<_>>(), expected);
    }
}

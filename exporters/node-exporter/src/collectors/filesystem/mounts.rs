//! Mounts, from a process's `mountinfo`; see proc_pid_mountinfo(5).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::text::{Malformed, fields, integer, lines};

/// One mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mount {
    pub(super) device: String,
    /// As the host sees it, without the place where we see the host's root.
    pub(super) point: String,
    pub(super) kind: String,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) read_only: bool,
    /// Whether it shows the filesystem's own root, rather than a directory in it.
    whole: bool,
    /// Where statfs finds it.
    pub(super) path: Arc<Path>,
}

impl Mount {
    /// Whether statfs is answered from memory: filesystems of the kernel's own that ask no server and no process. Handing
    /// those to another thread would cost more than the call.
    pub(super) fn answers_at_once(&self) -> bool {
        const LOCAL: [&str; 12] = [
            "btrfs", "ext2", "ext3", "ext4", "exfat", "f2fs", "ramfs", "rootfs", "squashfs", "tmpfs", "vfat",
            "xfs",
        ];
        LOCAL.contains(&self.kind.as_str())
    }
}

/// All mounts, in the kernel's order.
pub(super) fn parse(text: &[u8], rootfs: &Path) -> Result<Vec<Mount>, Malformed> {
    const MISSING: Malformed = Malformed::new("mounts like `27 1 254:0 / / rw - ext4 /dev/vda rw`");
    if text.is_empty() {
        return Err(MISSING);
    }
    lines(text).map(|line| mount(line, rootfs).ok_or(MISSING)).collect()
}

fn mount(line: &[u8], rootfs: &Path) -> Option<Mount> {
    let mut parts = fields(line).skip(2);
    let device_number = parts.next()?;
    let colon = memchr::memchr(b':', device_number)?;
    let number = |text| integer(text).and_then(|number| u32::try_from(number).ok());
    let whole = parts.next()? == b"/";
    let point = unescape(parts.next()?);
    let options = parts.next()?;
    // Optional fields end with a lone dash.
    let mut parts = parts.skip_while(|field| *field != b"-").skip(1);
    let (kind, device) = (parts.next()?, parts.next()?);
    // A kernel may leave the superblock's options out.
    let super_options = parts.next().unwrap_or_default();
    let point = strip(&point, rootfs);
    Some(Mount {
        device: text(&unescape(device)),
        kind: text(&unescape(kind)),
        major: number(&device_number[..colon])?,
        minor: number(&device_number[colon + 1..])?,
        read_only: has_ro(options) || has_ro(super_options),
        whole,
        path: seen_at(&point, rootfs).into(),
        point: text(&point),
    })
}

fn has_ro(options: &[u8]) -> bool {
    options.split(|&byte| byte == b',').any(|option| option == b"ro")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The kernel writes blanks, line feeds, backslashes and `#` as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if byte == b'\\' => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// The mount point as the host names it, if we see the host's root at `rootfs`.
fn strip(point: &[u8], rootfs: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    match point.strip_prefix(rootfs.as_os_str().as_bytes()) {
        Some(b"") => b"/".to_vec(),
        Some(rest) if rest[0] == b'/' => rest.to_vec(),
        _ => point.to_vec(),
    }
}

fn seen_at(point: &[u8], rootfs: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let relative = point.strip_prefix(b"/").unwrap_or(point);
    rootfs.join(std::ffi::OsStr::from_bytes(relative))
}

/// Without mounts that others are mounted over: statfs could not reach them, and would give the other's numbers. Each
/// mount point is left once, so no series comes twice.
pub(super) fn visible(mut mounts: Vec<Mount>) -> Vec<Mount> {
    let mut seen = HashSet::new();
    mounts.reverse();
    mounts.retain(|mount| seen.insert(mount.point.clone()));
    mounts.reverse();
    mounts
}

/// For each mount, whether another one of the same filesystem stands for it: bind mounts and subvolumes give the same
/// numbers again, and one full disk should be one alarm. First comes the filesystem's own root, then the shortest path.
pub(super) fn repeated(mounts: &[Mount]) -> Vec<bool> {
    let rank = |mount: &Mount| (!mount.whole, mount.point.len());
    let same = |a: &Mount, b: &Mount| {
        // Each subvolume of a btrfs has a device number of its own.
        let by_name = a.kind == "btrfs" && b.kind == "btrfs" && a.device == b.device;
        by_name || (a.major, a.minor) == (b.major, b.minor)
    };
    let stands_for = |at: usize| {
        move |(other_at, other): (usize, &Mount)| {
            let one = &mounts[at];
            same(one, other) && (rank(other), other_at) < (rank(one), at)
        }
    };
    (0..mounts.len()).map(|at| mounts.iter().enumerate().any(stands_for(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
                        30 27 0:26 / /mnt/a\\040b\\134c ro,nosuid - tmpfs none\\011x rw\n\
                        31 27 0:27 /sub /data rw master:2 propagate_from:1 - xfs /dev/sdb1 ro\n";

    #[test]
    fn options_escapes_and_optional_fields() {
        let mounts = parse(TEXT.as_bytes(), Path::new("/")).unwrap();
        let brief: Vec<_> = mounts
            .iter()
            .map(|m| (m.device.as_str(), m.point.as_str(), m.kind.as_str(), m.read_only))
            .collect();
        assert_eq!(
            brief,
            [
                ("/dev/vda", "/", "ext4", false),
                ("none\tx", "/mnt/a b\\c", "tmpfs", true),
                ("/dev/sdb1", "/data", "xfs", true),
            ]
        );
        assert_eq!((mounts[0].major, mounts[0].minor), (254, 0));
        assert_eq!(&*mounts[1].path, Path::new("/mnt/a b\\c"));
    }

    #[test]
    fn the_hosts_root_elsewhere() {
        let text = "1 0 8:1 / /host rw - ext4 a rw\n2 1 8:2 / /host/boot rw - ext4 b rw\n3 1 8:3 / /hosts rw - ext4 c rw\n";
        let mounts = parse(text.as_bytes(), Path::new("/host")).unwrap();
        let brief: Vec<_> = mounts.iter().map(|m| (m.point.as_str(), m.path.to_str().unwrap())).collect();
        assert_eq!(brief, [("/", "/host/"), ("/boot", "/host/boot"), ("/hosts", "/host/hosts")]);
    }

    #[test]
    fn the_last_mount_on_a_point_hides_the_others() {
        let text = "1 0 8:1 / / rw - ext4 a rw\n2 1 0:2 / /m rw - tmpfs b rw\n3 2 0:3 / /m ro - tmpfs c rw\n";
        let mounts = visible(parse(text.as_bytes(), Path::new("/")).unwrap());
        assert_eq!(mounts.iter().map(|m| m.device.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn one_mount_of_a_filesystem_stands_for_the_others() {
        let text = "1 0 8:1 /var/lib/docker /var/lib/docker rw - ext4 a rw\n\
                    2 0 8:1 / / rw - ext4 a rw\n\
                    3 0 8:1 /etc/hosts /x rw - ext4 a rw\n\
                    4 0 8:2 /home /home rw - xfs b rw\n\
                    5 0 0:31 /@ /pool rw - btrfs c rw\n\
                    6 0 0:32 /@home /pool/home rw - btrfs c rw\n\
                    7 0 0:40 / /run rw - tmpfs tmpfs rw\n\
                    8 0 0:41 / /tmp rw - tmpfs tmpfs rw\n";
        let mounts = parse(text.as_bytes(), Path::new("/")).unwrap();
        assert_eq!(repeated(&mounts), [true, false, true, false, false, true, false, false]);
        assert_eq!(repeated(&mounts[..1]), [false], "the only one there is stands for itself");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_in_labels_only() {
        let mounts = parse(b"1 0 8:1 / /\xff rw - ext4 a rw\n", Path::new("/")).unwrap();
        assert_eq!(mounts[0].point, "/\u{fffd}");
        assert_eq!(mounts[0].path.as_os_str().as_encoded_bytes(), b"/\xff");
    }

    #[test]
    fn refuses_garbage() {
        for bad in ["", "x", "27 1 254:0 / / rw\n", "27 1 254 / / rw - ext4 a rw\n", &TEXT[..20]] {
            assert!(parse(bad.as_bytes(), Path::new("/")).is_err(), "{bad}");
        }
    }
}

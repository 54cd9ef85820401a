//! Filesystems: the mounts of the host's first process, and statfs(2) of each.

mod mounts;
mod pool;

use exporter_core::{
    BlockingSource, BoxedSource, CollectError, Collector, ConfigError, Family, Flag, Scrape, Settings, Sink,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::filter::Filter;
use crate::read::Reader;
use mounts::Mount;
use pool::{Pool, Verdict};

pub(crate) static FILESYSTEM: Collector = Collector {
    name: "filesystem",
    enabled: true,
    families: &[
        SIZE.desc(),
        FREE.desc(),
        AVAIL.desc(),
        FILES.desc(),
        FILES_FREE.desc(),
        PURGEABLE.desc(),
        READONLY.desc(),
        DEVICE_ERROR.desc(),
        ELSEWHERE.desc(),
        MOUNT_INFO.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        pub(super) static $ident: Family<4> = Family::gauge(
            concat!("node_filesystem_", $name),
            $help,
            &["device", "device_error", "fstype", "mountpoint"],
        );
    )*};
}
families! {
    SIZE "size_bytes" "Size of the filesystem."
    FREE "free_bytes" "Free space, with what is reserved for root."
    AVAIL "avail_bytes" "Free space for users other than root."
    FILES "files" "Inodes."
    FILES_FREE "files_free" "Free inodes."
    PURGEABLE "purgeable_bytes" "Space that could be freed at need; always 0 on Linux."
    READONLY "readonly" "Whether it is mounted read-only."
    DEVICE_ERROR "device_error" "Whether the filesystem does not answer, or answers with an error."
    ELSEWHERE "mounted_elsewhere" "Whether another mount point with the same filesystem stands for this one."
}
static MOUNT_INFO: Family<4> = Family::info(
    "node_filesystem_mount_info",
    "Devices of mounts.",
    &["device", "major", "minor", "mountpoint"],
);

const MOUNT_POINTS_INCLUDE: &str = "collector.filesystem.mount-points-include";
const MOUNT_POINTS_EXCLUDE: &str = "collector.filesystem.mount-points-exclude";
const TYPES_INCLUDE: &str = "collector.filesystem.fs-types-include";
const TYPES_EXCLUDE: &str = "collector.filesystem.fs-types-exclude";
const OLD_MOUNT_POINTS: &str = "collector.filesystem.ignored-mount-points";
const OLD_TYPES: &str = "collector.filesystem.ignored-fs-types";
const TIMEOUT: &str = "collector.filesystem.mount-timeout";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(MOUNT_POINTS_INCLUDE, "", "Mount points to report, as a regular expression."),
    Flag::value(
        MOUNT_POINTS_EXCLUDE,
        "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
        "Mount points to leave out, as a regular expression.",
    ),
    Flag::value(TYPES_INCLUDE, "", "Filesystem types to report, as a regular expression."),
    Flag::value(
        TYPES_EXCLUDE,
        "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|\
         overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$",
        "Filesystem types to leave out, as a regular expression.",
    ),
    Flag::value(OLD_MOUNT_POINTS, "", "The old name of mount-points-exclude.").hidden(),
    Flag::value(OLD_TYPES, "", "The old name of fs-types-exclude.").hidden(),
    Flag::value(TIMEOUT, "750ms", "How long a scrape waits for a mount that does not answer.").hidden(),
    Flag::value("collector.filesystem.stat-workers", "4", "Accepted without effect: threads come as needed.")
        .hidden(),
];

/// What is kept for writing the answer after the wait.
const MARGIN: Duration = Duration::from_millis(100);
/// The list of mounts is written by the kernel anew at each read, which takes as long as all else here. It is not read while
/// the kernel says that nothing was mounted, unmounted or remounted, but after so long. That a filesystem has turned
/// itself read-only because of errors is not told so; statfs shows it, if we do not see it read-only anyway.
const LIST_LASTS: Duration = Duration::from_secs(60);
/// In `device_error`, as the peer has it.
const HANGS: &str = "mountpoint timeout";

struct Filesystem {
    paths: [PathBuf; 2],
    rootfs: PathBuf,
    reader: Reader,
    mount_points: Filter,
    types: Filter,
    timeout: Duration,
    pool: Pool,
    /// The text that `mounts` was made from: it is the same at nearly every scrape.
    text: Vec<u8>,
    read: Option<Instant>,
    /// What statfs said of each mount then.
    seen_read_only: Vec<Option<bool>>,
    mounts: Arc<[Mount]>,
    repeated: Vec<bool>,
}

/// Which mount points and types are reported.
pub(super) fn filters(settings: &Settings) -> Result<(Filter, Filter), ConfigError> {
    Ok((
        Filter::renamed(
            settings,
            [MOUNT_POINTS_INCLUDE, MOUNT_POINTS_EXCLUDE],
            [None, Some(OLD_MOUNT_POINTS)],
        )?,
        Filter::renamed(settings, [TYPES_INCLUDE, TYPES_EXCLUDE], [None, Some(OLD_TYPES)])?,
    ))
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let settings = &context.settings;
    let (mount_points, types) = filters(settings)?;
    Ok(BoxedSource::blocking(Filesystem {
        // Where the first process may not be looked at, our own mounts are the next best.
        paths: [context.proc("1/mountinfo"), context.proc("self/mountinfo")],
        rootfs: context.rootfs().to_owned(),
        reader: Reader::new(),
        mount_points,
        types,
        timeout: settings.duration(TIMEOUT)?,
        pool: Pool::new(pool::statfs),
        text: Vec::new(),
        read: None,
        seen_read_only: Vec::new(),
        mounts: Arc::new([]),
        repeated: Vec::new(),
    }))
}

impl BlockingSource for Filesystem {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        self.refresh()?;
        let mut verdicts = self.ask(scrape);
        if turned(&mut self.seen_read_only, &verdicts) {
            self.read = None;
            self.refresh()?;
            verdicts = self.ask(scrape);
        }
        put(&self.mounts, &self.repeated, &verdicts, sink);
        let unasked = |(mount, verdict): (&Mount, &Verdict)| {
            matches!(verdict, Verdict::NoTime).then(|| mount.point.clone())
        };
        match self.mounts.iter().zip(&verdicts).find_map(unasked) {
            None => Ok(()),
            Some(point) => {
                sink.commit();
                Err(CollectError::failed(format!("no time to ask for {point}: raise the scrape timeout")))
            }
        }
    }
}

impl Filesystem {
    fn ask(&mut self, scrape: &Scrape) -> Vec<Verdict> {
        let patience = self.timeout.min(scrape.remaining().saturating_sub(MARGIN));
        self.pool.ask(&self.mounts, patience, self.timeout)
    }

    fn refresh(&mut self) -> Result<(), CollectError> {
        let known = self.read.is_some_and(|read| read.elapsed() < LIST_LASTS);
        if known && self.paths.iter().any(|path| self.reader.has_same_mounts(path)) {
            return Ok(());
        }
        self.read = None;
        let (path, text) = self.reader.first(&self.paths)?;
        self.read = Some(Instant::now());
        if self.text == text && !self.text.is_empty() {
            return Ok(());
        }
        let parsed = mounts::parse(text, &self.rootfs).map_err(|error| error.at(path));
        let all = parsed.inspect_err(|_| self.read = None)?;
        self.text.clear();
        self.text.extend_from_slice(text);
        let wanted = |mount: &Mount| {
            self.mount_points.selects(mount.point.as_bytes()) && self.types.selects(mount.kind.as_bytes())
        };
        self.seen_read_only.clear();
        self.mounts = mounts::visible(all).into_iter().filter(wanted).collect();
        self.repeated = mounts::repeated(&self.mounts);
        Ok(())
    }
}

/// Whether a filesystem that statfs showed as writable, or as read-only, is no longer so; what it shows now is noted.
fn turned(seen: &mut Vec<Option<bool>>, verdicts: &[Verdict]) -> bool {
    let mut turned = false;
    seen.resize(verdicts.len(), None);
    for (seen, verdict) in seen.iter_mut().zip(verdicts) {
        if let Verdict::Usage(usage) = verdict {
            turned |= seen.replace(usage.read_only).is_some_and(|before| before != usage.read_only);
        }
    }
    turned
}

/// Of mounts that there was no time to ask for nothing is known, not even that they hang.
fn put(mounts: &[Mount], repeated: &[bool], verdicts: &[Verdict], sink: &mut Sink) {
    let errors: Vec<String> = verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Usage(_) | Verdict::NoTime => String::new(),
            Verdict::Error(error) => describe(error),
            Verdict::Hangs => HANGS.to_owned(),
        })
        .collect();
    let known = || {
        let all = mounts.iter().zip(&errors).zip(verdicts);
        all.filter(|(_, verdict)| !matches!(verdict, Verdict::NoTime)).map(|(known, _)| known)
    };
    for (mount, error) in known() {
        sink.put(&DEVICE_ERROR, [&mount.device, error, &mount.kind, &mount.point], !error.is_empty());
    }
    for (mount, error) in known() {
        sink.put(&READONLY, [&mount.device, error, &mount.kind, &mount.point], mount.read_only);
    }
    let answers: Vec<_> = mounts
        .iter()
        .zip(verdicts)
        .zip(repeated)
        .filter_map(|((mount, verdict), repeated)| match verdict {
            Verdict::Usage(usage) => Some((mount, usage, *repeated)),
            _ => None,
        })
        .collect();
    type Number = fn(&pool::Usage) -> f64;
    let numbers: [(&'static Family<4>, Number); 6] = [
        (&SIZE, |usage| usage.size),
        (&FREE, |usage| usage.free),
        (&AVAIL, |usage| usage.avail),
        (&FILES, |usage| usage.files),
        (&FILES_FREE, |usage| usage.files_free),
        (&PURGEABLE, |_| 0.0),
    ];
    for (family, number) in numbers {
        for (mount, usage, _) in &answers {
            sink.put(family, [&mount.device, &"", &mount.kind, &mount.point], number(usage));
        }
    }
    for (mount, _, repeated) in &answers {
        sink.put(&ELSEWHERE, [&mount.device, &"", &mount.kind, &mount.point], *repeated);
    }
    for (mount, ..) in &answers {
        sink.put(&MOUNT_INFO, [&mount.device, &mount.major, &mount.minor, &mount.point], true);
    }
}

/// An error in the words of the C library, lower case, as Go prints them.
fn describe(error: &std::io::Error) -> String {
    let text = error.to_string().to_ascii_lowercase();
    match text.split_once(" (os error") {
        Some(("stale file handle", _)) => "stale NFS file handle".to_owned(),
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filesystem_that_turns_read_only_by_itself_is_noticed_once() {
        let said = |read_only| {
            let usage =
                pool::Usage { size: 1.0, free: 1.0, avail: 1.0, files: 1.0, files_free: 1.0, read_only };
            [Verdict::Usage(usage), Verdict::Hangs]
        };
        let mut seen = Vec::new();
        let turns = [false, false, true, true, false].map(|read_only| turned(&mut seen, &said(read_only)));
        assert_eq!(turns, [false, false, true, false, true]);
    }

    #[test]
    fn errors_read_as_the_peer_writes_them() {
        for (code, text) in [
            (13, "permission denied"),
            (107, "transport endpoint is not connected"),
            (116, "stale NFS file handle"),
        ] {
            assert_eq!(describe(&std::io::Error::from_raw_os_error(code)), text);
        }
    }
}

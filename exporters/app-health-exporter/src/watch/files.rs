//! Files by pattern, certificates, objectives. No match is an alarm, not silence.

use exporter_core::{BlockingSource, CollectError, Collector, Family, Scrape, Sink};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::glob;
use super::troubles::Troubles;
use crate::clock;
use crate::config::checks::{Files, System};
use crate::net::cert::root;

pub(super) static FILES: Collector = Collector {
    name: "files",
    enabled: true,
    families: &[
        AGE.desc(),
        SIZE.desc(),
        COUNT.desc(),
        ERROR.desc(),
        BACKUP.desc(),
        BACKUP_SIZE.desc(),
        CERTIFICATE.desc(),
        OBJECTIVE.desc(),
    ],
    dynamic: &[],
};

static AGE: Family<3> = Family::gauge(
    "app_file_age_seconds",
    "Age of the newest (min) and the oldest (max) file of a pattern, +Inf without any.",
    &["system", "glob", "agg"],
);
static SIZE: Family<3> = Family::gauge(
    "app_file_size_bytes",
    "Size of the newest, the largest (max) and all (sum) files of a pattern.",
    &["system", "glob", "agg"],
);
static COUNT: Family<2> = Family::gauge("app_file_count", "Files of a pattern.", &["system", "glob"]);
static ERROR: Family<2> = Family::gauge(
    "app_file_error",
    "1 where a folder is not there, cannot be read, or holds too many files to be looked at.",
    &["system", "glob"],
);
static BACKUP: Family<2> = Family::gauge(
    "app_backup_last_success_timestamp_seconds",
    "When the newest backup was written, in seconds since 1970; 0 without one.",
    &["system", "kind"],
);
static BACKUP_SIZE: Family<2> =
    Family::gauge("app_backup_size_bytes", "Size of the newest backup.", &["system", "kind"]);
static CERTIFICATE: Family<2> = Family::gauge(
    "app_certificate_expiry_timestamp_seconds",
    "When the first certificate of a PEM file ends, in seconds since 1970; 0 where it cannot be read.",
    &["system", "path"],
);
static OBJECTIVE: Family<2> = Family::gauge(
    "app_objective_seconds",
    "What was promised: rpo is the data one may lose, rto the time to be back.",
    &["system", "kind"],
);

/// Of a PEM file; all authorities of a system are a quarter of this.
const MAX_PEM: u64 = 1024 * 1024;

pub(super) struct FileChecks {
    systems: Arc<[System]>,
    troubles: Troubles,
}

impl FileChecks {
    pub(super) fn new(systems: Arc<[System]>) -> Self {
        Self { systems, troubles: Troubles::default() }
    }
}

impl BlockingSource for FileChecks {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let now = clock::seconds(scrape.now());
        for system in &*self.systems {
            for files in &system.files {
                let failed = put_files(sink, &system.system, files, now);
                self.troubles.tell(format!("files {}", files.glob), failed);
            }
            for path in &system.certificates {
                let shown = path.display().to_string();
                let end = first_end(path);
                sink.put(&CERTIFICATE, [&system.system, &shown], *end.as_ref().unwrap_or(&0));
                self.troubles.tell(format!("certificate {shown}"), end.err());
            }
            for (kind, span) in &system.objectives {
                sink.put(&OBJECTIVE, [&system.system, kind], span.0.as_secs_f64());
            }
        }
        Ok(())
    }
}

/// Returns why not all of them could be looked at, where that is so.
fn put_files(sink: &mut Sink, system: &str, files: &Files, now: f64) -> Option<String> {
    let system = &system;
    let (found, failed) = match glob::find(&files.glob) {
        Ok((found, false)) => (found, None),
        Ok((found, true)) => (found, Some("too many entries".to_owned())),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let glob = &files.glob;
    let time = |file: &glob::Found| clock::seconds(file.modified);
    let newest = found.iter().max_by(|a, b| a.modified.cmp(&b.modified));
    let oldest = found.iter().map(time).min_by(f64::total_cmp);
    sink.put(&COUNT, [system, glob], found.len());
    sink.put(&ERROR, [system, glob], failed.is_some());
    sink.put(&AGE, [system, glob, &"min"], newest.map_or(f64::INFINITY, |file| (now - time(file)).max(0.0)));
    sink.put(&AGE, [system, glob, &"max"], oldest.map_or(f64::INFINITY, |oldest| (now - oldest).max(0.0)));
    sink.put(&SIZE, [system, glob, &"newest"], newest.map_or(0, |file| file.size));
    sink.put(&SIZE, [system, glob, &"max"], found.iter().map(|file| file.size).max().unwrap_or(0));
    sink.put(&SIZE, [system, glob, &"sum"], found.iter().map(|file| file.size).sum::<u64>());
    if !files.backup.is_empty() {
        let large = found.iter().filter(|file| file.size >= files.min_size.0.max(1));
        let backup = large.max_by(|a, b| a.modified.cmp(&b.modified));
        sink.put(&BACKUP, [system, &files.backup], backup.map_or(0.0, time));
        sink.put(&BACKUP_SIZE, [system, &files.backup], backup.map_or(0, |file| file.size));
    }
    failed
}

fn first_end(path: &Path) -> Result<i64, String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    // What is no file may have no end, or make its reader wait for ever.
    if !meta.is_file() || meta.len() > MAX_PEM {
        return Err(format!("no file, or more than {MAX_PEM} bytes"));
    }
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    CertificateDer::pem_slice_iter(&pem)
        .filter_map(|der| root(&der.ok()?).map(|(_, end)| end))
        .min()
        .ok_or_else(|| "no certificate in it".to_owned())
}

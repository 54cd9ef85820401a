//! Asking promtool.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An installed promtool.
pub(crate) struct Promtool(PathBuf);

impl Promtool {
    /// On PATH or among the workspace's own tools.
    pub(crate) fn find() -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .chain([own])
            .map(|directory| directory.join("promtool"))
            .find(|file| file.is_file());
        Self(found.expect("promtool is neither on PATH nor in target/tools/bin: run `cargo xtask setup`"))
    }

    /// The parse error, if there is one. Findings of its linter (exit code 3) are no errors: the names are the peers'.
    pub(crate) fn refuses(&self, page: &[u8]) -> Option<String> {
        let mut child = Command::new(&self.0)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool starts");
        // It may stop reading at the first error.
        let _ = child.stdin.take().expect("a pipe").write_all(page);
        let output = child.wait_with_output().expect("promtool ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0 | 3) => None,
            Some(1) => Some(stderr),
            other => panic!("promtool ended with {other:?}: {stderr}"),
        }
    }
}

/// Runs `check` on each item, on two threads, since a judge is a process each.
pub(crate) fn every<T: Sync>(items: &[T], check: impl Fn(&T) + Sync) {
    let (first, second) = items.split_at(items.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| first.iter().for_each(&check));
        second.iter().for_each(&check);
    });
}

//! Containers of our own in the Docker engine that runs here.

use exporter_testkit::{Error, Result, process, tools};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Runs `docker` and returns what it prints.
pub(crate) fn docker(arguments: &[&str]) -> Result<String> {
    Ok(process::run(Command::new(tools::path("docker")?).args(arguments), LIMIT)?.trim().to_owned())
}

/// The image with our program, built once.
pub(crate) fn image() -> Result<String> {
    static IMAGE: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    IMAGE.get_or_init(|| build().map_err(|error| error.to_string())).clone().map_err(Error::new)
}

fn build() -> Result<String> {
    docker(&["version", "--format", "{{.Server.Version}}"]).map_err(|error| {
        Error::new(format!(
            "no Docker engine answers; `cargo xtask test` starts one (cargo xtask setup brings it): {error}"
        ))
    })?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/guest.rs");
    let text = std::fs::read(&source)?;
    let sum = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let tag = format!("ctest-guest:{sum:016x}");
    if !docker(&["images", "--quiet", &tag])?.is_empty() {
        return Ok(tag);
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("guest-{}", std::process::id()));
    let binary = folder.join("bin/sh");
    std::fs::create_dir_all(folder.join("bin"))?;
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "-Copt-level=1", "-Cpanic=abort", "-Ctarget-feature=+crt-static", "-o"]);
    process::run(rustc.arg(&binary).arg(&source), LIMIT)?;
    let archive = folder.join("guest.tar");
    let mut tar = Command::new("tar");
    process::run(tar.arg("-cf").arg(&archive).arg("-C").arg(&folder).arg("bin"), LIMIT)?;
    docker(&["import", "--change", "ENTRYPOINT [\"/bin/sh\"]", &archive.display().to_string(), &tag])?;
    std::fs::remove_dir_all(&folder)?;
    Ok(tag)
}

/// A container of a test; removed when dropped.
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Container {
    /// Starts one: options of `docker run`, then the words for our program.
    pub(crate) fn run(options: &[&str], words: &str) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("ctest-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let image = image()?;
        let mut arguments = vec!["run", "--detach", "--name", &name];
        arguments.extend(options);
        arguments.push(&image);
        arguments.extend(words.split(' '));
        let id = docker(&arguments)?;
        Ok(Self { name, id })
    }

    pub(crate) fn command(&self, word: &str) -> Result<String> {
        docker(&[word, &self.name])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker(&["rm", "--force", "--volumes", &self.id]);
    }
}

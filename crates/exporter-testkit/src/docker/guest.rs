//! Images FROM scratch, of one static program.

use std::path::Path;
use std::process::Command;

use super::{LIMIT, run};
use crate::fixture::TempDir;
use crate::{Result, process};

/// The image of the program that this one source file makes, which is also its `/bin/sh`, for health checks. It is built
/// once for each content of the file, and stays.
pub fn guest(source: &Path) -> Result<String> {
    super::daemon()?;
    let text = std::fs::read(source)?;
    let sum = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let tag = format!("exporters-guest:{sum:016x}");
    if !run(&["images", "--quiet", &tag])?.trim().is_empty() {
        return Ok(tag);
    }
    let archive = archive(source)?;
    let file = archive.path().join("guest.tar").display().to_string();
    run(&["import", "--change", "ENTRYPOINT [\"/bin/sh\"]", &file, &tag])?;
    Ok(tag)
}

/// The same as a file `guest.tar`, for engines other than Docker.
pub fn archive(source: &Path) -> Result<TempDir> {
    let dir = TempDir::new()?;
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("bin"))?;
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "-Copt-level=1", "-Cpanic=abort", "-Ctarget-feature=+crt-static", "-o"]);
    process::run(rustc.arg(root.join("bin/sh")).arg(source), LIMIT)?;
    let mut tar = Command::new("tar");
    tar.arg("-cf").arg(dir.path().join("guest.tar")).arg("-C").arg(&root).arg("bin");
    process::run(&mut tar, LIMIT)?;
    Ok(dir)
}

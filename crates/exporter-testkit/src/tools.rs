//! Programs the tests need and the repository does not build: Prometheus, promtool, Alertmanager, amtool, docker-compose.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The repository this crate was built in.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where `cargo xtask setup` puts what it fetches.
pub fn fetched_dir() -> PathBuf {
    workspace_root().join("target/tools/bin")
}

/// The program's path: the fetched one if there is one, else the first on `PATH`. Not finding it is an error and must
/// fail the test; a test that skips itself proves nothing.
pub fn path(name: &str) -> Result<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    find(name, std::iter::once(fetched_dir()).chain(std::env::split_paths(&search)))
}

fn find(name: &str, dirs: impl Iterator<Item = PathBuf>) -> Result<PathBuf> {
    dirs.map(|dir| dir.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        Error::new(format!("{name} is neither in target/tools/bin nor on PATH: run `cargo xtask setup`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_program_on_path() {
        assert!(path("sh").unwrap().is_file());
    }

    #[test]
    fn fetched_programs_win() {
        let dir = crate::fixture::tree(&[("first/tool", ""), ("second/tool", "")]).unwrap();
        let dirs = ["absent", "first", "second"].map(|d| dir.path().join(d));
        assert_eq!(find("tool", dirs.into_iter()).unwrap(), dir.path().join("first/tool"));
    }

    #[test]
    fn a_missing_program_names_the_cure() {
        let text = path("no-such-program-anywhere").unwrap_err().to_string();
        assert!(text.ends_with("run `cargo xtask setup`"), "{text}");
        assert!(text.starts_with("no-such-program-anywhere"), "{text}");
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(workspace_root().join("crates/exporter-testkit/Cargo.toml").is_file());
    }
}

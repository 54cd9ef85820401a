//! Each tidy rule, broken once in a small tidy repository.

use exporter_testkit::{Error, Result, fixture};
use xtask::tidy;

const ROOT: &str = "[workspace]\n\n[workspace.dependencies]\ntoy = { path = \"crates/toy\" }\n\n\
    anyhow = { version = \"1\", default-features = false }\nserde_yaml = { version = \"0.10\" }\n\n[profile.release]\n";
const CRATE: &str = "[package]\nname = \"NAME\"\ndescription = \"A toy\"\nversion.workspace = true\n\
    edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
    publish.workspace = true\n\n[lints]\nworkspace = true\n\n[dependencies]\nanyhow = { workspace = true }\n";

fn violations(file: &str, change: impl Fn(&str) -> String) -> Result<Vec<String>> {
    let dir = fixture::TempDir::new()?;
    dir.write("Cargo.toml", ROOT)?;
    dir.write("README.md", "# Toys\n\n| [toy](exporters/toy-exporter) | toys |\n")?;
    dir.write("crates/toy/Cargo.toml", CRATE.replace("NAME", "toy"))?;
    dir.write("crates/toy/src/main.rs", "fn main() {}\n")?;
    dir.write("crates/toy/src/lib.rs", "//! Toys.\n")?;
    dir.write("exporters/toy-exporter/Cargo.toml", CRATE.replace("NAME", "toy-exporter"))?;
    dir.write("exporters/toy-exporter/README.md", "# Toy exporter\n")?;
    dir.write("exporters/exporters/Cargo.toml", CRATE.replace("NAME", "exporters"))?;
    // What is not ours is not looked at.
    dir.write("target/debug/x.rs", "trailing \n")?;
    dir.write("crates/toy/tests/fixtures/mounts.tsv", "other's line \n")?;
    let path = dir.path().join(file);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let after = change(&before);
    if after == before && !file.is_empty() {
        return Err(Error::new(format!("the case is stale: {file} did not change")));
    }
    if !file.is_empty() {
        dir.write(file, after)?;
    }
    let found = tidy::check(dir.path()).map_err(|error| Error::new(format!("{error:#}")))?;
    Ok(found.iter().map(ToString::to_string).collect())
}

/// Exactly one message, with this in it.
fn one(file: &str, change: impl Fn(&str) -> String, part: &str) -> Result {
    let found = violations(file, change)?;
    assert!(found.len() == 1 && found[0].contains(part), "{file}: expected {part:?}, got {found:#?}");
    Ok(())
}

#[test]
fn the_tidy_repository_is_tidy() -> Result {
    assert_eq!(violations("", str::to_owned)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn files_are_short() -> Result {
    one("crates/toy/src/lib.rs", |_| "//! x\n".repeat(401), "401 lines: split it")?;
    one("crates/toy/src/main.rs", |_| "// x\n".repeat(41), "main.rs has at most 40")?;
    assert_eq!(violations("crates/toy/src/lib.rs", |_| "//! x\n".repeat(400))?, Vec::<String>::new());
    Ok(())
}

#[test]
fn lines_are_clean() -> Result {
    one("crates/toy/src/lib.rs", |_| "//! a\n//! b \n".into(), "lib.rs:2: trailing space")?;
    one("crates/toy/src/lib.rs", |_| "//! a".into(), "the last line has no end")
}

#[test]
fn no_path_of_one_machine() -> Result {
    for (head, tail) in [("/ho", "me/jane/x"), ("\"/ro", "ot/.cache\""), ("/wo", "rk/x"), (" /Us", "ers/joe")]
    {
        one("README.md", |text| format!("{text}\n{head}{tail}\n"), "which only one machine has")?;
    }
    for fine in ["/host/root/x", "a mount at /home", "--path.rootfs=/rootfs"] {
        assert_eq!(
            violations("README.md", |text| format!("{text}\n{fine}\n"))?,
            Vec::<String>::new(),
            "{fine}"
        );
    }
    Ok(())
}

#[test]
fn crates_inherit() -> Result {
    let cut = |line: &'static str| move |text: &str| text.replacen(line, "", 1);
    let file = "crates/toy/Cargo.toml";
    for key in ["version", "edition", "rust-version", "license", "publish"] {
        let line = format!("\n{key}.workspace = true");
        one(file, |text| text.replacen(&line, "", 1), &format!("must have {key}.workspace"))?;
    }
    one(file, cut("[lints]\nworkspace = true\n"), "[lints] must have")?;
    one(file, cut("description = \"A toy\"\n"), "description")?;
    one(file, |text| text.replace("name = \"toy\"", "name = \"toys\""), "same name")?;
    one(file, |text| text.replace("{ workspace = true }", "\"1\""), "declare it in the workspace")
}

#[test]
fn dependencies_are_declared_once_and_lean() -> Result {
    one("Cargo.toml", |text| text.replace("default-features = false", "features = []"), "must be false")?;
    one("Cargo.toml", |text| text.replace("anyhow", "zlib"), "not in order")
}

#[test]
fn exporters_are_documented() -> Result {
    one(
        "README.md",
        |text| text.replace("| [toy]", "- [toy]"),
        "no table row links to exporters/toy-exporter",
    )?;
    let other = CRATE.replace("NAME", "x-exporter");
    let found = violations("exporters/x-exporter/Cargo.toml", |_| other.clone())?;
    assert!(found.iter().any(|message| message.contains("has no README.md")), "{found:#?}");
    Ok(())
}

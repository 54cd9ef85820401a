//! Manifests: every crate inherits, every dependency is declared once.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{Violation, repo};

/// What a crate takes from the workspace.
const INHERITED: [&str; 5] = ["edition", "license", "publish", "rust-version", "version"];

/// Workspace dependencies that keep their default features, each with its reason.
const WITH_DEFAULTS: [(&str, &str); 1] = [("serde_yaml", "it has no features")];

/// The all-in-one is what the repository's own README is about.
const ALL_IN_ONE: &str = "exporters/exporters";

pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for path in repo::files(root)?.iter().filter(|path| path.ends_with("Cargo.toml")) {
        let name = repo::relative(root, path);
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        if name == "Cargo.toml" {
            check_workspace(&text, &mut found);
        } else if let Some(folder) =
            name.strip_suffix("/Cargo.toml").filter(|folder| !folder.ends_with("/fuzz"))
        {
            // Fuzz targets are a workspace of their own: they need a nightly compiler.
            check_crate(folder, &text, &mut found);
            if folder.starts_with("exporters/") && folder != ALL_IN_ONE {
                check_readme(root, folder, &mut found)?;
            }
        }
    }
    Ok(found)
}

fn check_workspace(text: &str, found: &mut Vec<Violation>) {
    let mut before = String::new();
    for line in section(text, "workspace.dependencies") {
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()))
        else {
            // An empty line starts a block of its own.
            before.clear();
            continue;
        };
        let place = format!("Cargo.toml: {name}");
        let excused = WITH_DEFAULTS.iter().any(|(excused, _)| *excused == name);
        if !value.contains("path =") && !value.contains("default-features = false") && !excused {
            found.push(Violation::new(&place, "default-features must be false; name the features we use"));
        }
        if name < before.as_str() {
            found.push(Violation::new(&place, format!("is not in order: {before} stands before it")));
        }
        before = name.to_owned();
    }
}

fn check_crate(folder: &str, text: &str, found: &mut Vec<Violation>) {
    let mut add = |what: String| found.push(Violation::new(format!("{folder}/Cargo.toml"), what));
    let package: Vec<&str> = section(text, "package").collect();
    for key in INHERITED {
        if !package.contains(&format!("{key}.workspace = true").as_str()) {
            add(format!("[package] must have {key}.workspace = true"));
        }
    }
    let last = folder.rsplit('/').next().unwrap_or(folder);
    if !package.contains(&format!("name = \"{last}\"").as_str()) {
        add("folder and crate must have the same name".to_owned());
    }
    if !package.iter().any(|line| line.starts_with("description = ")) {
        add("[package] must have a description".to_owned());
    }
    if !section(text, "lints").any(|line| line == "workspace = true") {
        add("[lints] must have workspace = true".to_owned());
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for line in section(text, kind).filter(|line| line.contains('=')) {
            if !line.contains("workspace = true") && !line.starts_with('#') {
                add(format!("[{kind}] {line}: declare it in the workspace, then use workspace = true"));
            }
        }
    }
}

fn check_readme(root: &Path, folder: &str, found: &mut Vec<Violation>) -> Result<()> {
    if !root.join(folder).join("README.md").exists() {
        found.push(Violation::new(folder, "has no README.md"));
    }
    let path = root.join("README.md");
    let text =
        if path.exists() { std::fs::read_to_string(&path).context("README.md")? } else { String::new() };
    if !text.lines().any(|line| line.starts_with('|') && line.contains(folder)) {
        found.push(Violation::new("README.md", format!("no table row links to {folder}")));
    }
    Ok(())
}

/// The lines of one section, without the ones of its subsections.
fn section<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{name}]");
    text.lines()
        .skip_while(move |line| line.trim() != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(str::trim)
}

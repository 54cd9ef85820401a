//! Text files: short enough, clean, and free of one machine's paths.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{Violation, repo};

/// Lines a Rust file may have.
const CEILING: usize = 400;

/// Longer files, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// `main.rs` has no logic: it cannot be tested.
const MAIN_CEILING: usize = 40;

/// What we write by hand. Fixtures are other programs' output and stay as they are.
const TEXT: [&str; 13] =
    ["css", "html", "js", "json", "md", "rs", "sh", "svg", "tmpl", "toml", "tsv", "yaml", "yml"];

/// Beginnings of paths that exist on somebody's machine only. Written in two parts, so that this file does not name them.
const MACHINE: [(&str, &str); 4] = [("/ho", "me/"), ("/ro", "ot/"), ("/wo", "rk/"), ("/Us", "ers/")];

pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for path in repo::files(root)? {
        let name = repo::relative(root, &path);
        let is_text = path.extension().is_some_and(|e| TEXT.iter().any(|t| e == *t));
        let by_name = ["Dockerfile", ".ci/run"].contains(&name.as_str());
        if name.contains("/fixtures/") || !(is_text || by_name) {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
        check_text(&name, &text, root, &mut found);
        if name.ends_with(".rs") {
            check_length(&name, text.lines().count(), &mut found);
        }
    }
    for (name, _) in LONG {
        let lines = std::fs::read_to_string(root.join(name)).map_or(0, |text| text.lines().count());
        if lines <= CEILING {
            found.push(Violation::new(name, "is not long (any more): take it off the list of long files"));
        }
    }
    Ok(found)
}

fn check_text(name: &str, text: &str, root: &Path, found: &mut Vec<Violation>) {
    let here = root.display().to_string();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        // Two spaces at the end mean a line break in Markdown; a `\` or a list says the same and can be seen.
        if line.ends_with([' ', '\t']) && !name.ends_with(".tsv") {
            found.push(Violation::new(&place, "trailing space"));
        }
        let foreign = MACHINE.iter().map(|(a, b)| format!("{a}{b}")).find(|start| names_path(line, start));
        if let Some(start) =
            foreign.or_else(|| (here.len() > 1 && line.contains(&here)).then(|| here.clone()))
        {
            found.push(Violation::new(
                &place,
                format!("names a path below {start}, which only one machine has"),
            ));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(Violation::new(name, "the last line has no end"));
    }
}

/// Whether the line has an absolute path that starts like this (`/host/ro...` has not).
fn names_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + start.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.}$".contains(c))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

fn check_length(name: &str, lines: usize, found: &mut Vec<Violation>) {
    let listed = LONG.iter().any(|(long, _)| *long == name);
    if lines > CEILING && !listed {
        let what = format!("{lines} lines: split it ({CEILING} is the ceiling), or list it with a reason");
        found.push(Violation::new(name, what));
    }
    if name.ends_with("main.rs") && !name.contains("/tests/") && lines > MAIN_CEILING {
        let what =
            format!("{lines} lines: main.rs has at most {MAIN_CEILING}; logic belongs where it is tested");
        found.push(Violation::new(name, what));
    }
}

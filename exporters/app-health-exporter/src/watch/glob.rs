//! Paths with `*`, `?` and `**`, bounded.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// More entries are not looked at; the check then says so.
const MAX_ENTRIES: usize = 50_000;

#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) modified: SystemTime,
    pub(super) size: u64,
}

/// Files that match. The flag is whether some were left out.
pub(super) fn find(pattern: &str) -> std::io::Result<(Vec<Found>, bool)> {
    let (root, parts) = split(pattern);
    // Folders that a wildcard finds come and go; the one that is named should be there.
    let named =
        |error: std::io::Error| std::io::Error::new(error.kind(), format!("{}: {error}", root.display()));
    fs::metadata(&root).map_err(named)?;
    let mut walk = Walk { found: Vec::new(), looked: 0, cut: false };
    walk.descend(&root, &parts)?;
    Ok((walk.found, walk.cut))
}

/// The folder before the first wildcard, and the rest by parts.
fn split(pattern: &str) -> (PathBuf, Vec<&str>) {
    let absolute = pattern.starts_with('/');
    let mut root = PathBuf::from(if absolute { "/" } else { "." });
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let fixed =
        parts.iter().take_while(|part| !part.contains(['*', '?'])).count().min(parts.len().saturating_sub(1));
    root.extend(&parts[..fixed]);
    (root, parts[fixed..].to_vec())
}

struct Walk {
    found: Vec<Found>,
    looked: usize,
    cut: bool,
}

impl Walk {
    fn descend(&mut self, folder: &Path, parts: &[&str]) -> std::io::Result<()> {
        let Some((first, rest)) = parts.split_first() else { return Ok(()) };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // What does not exist holds no file. What cannot be read might.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(());
            }
            Err(error) => {
                return Err(std::io::Error::new(error.kind(), format!("{}: {error}", folder.display())));
            }
        };
        if *first == "**" {
            self.descend(folder, rest)?;
        }
        for entry in entries {
            let Ok(entry) = entry else { continue };
            self.looked += 1;
            if self.looked > MAX_ENTRIES {
                self.cut = true;
                return Ok(());
            }
            let Ok(kind) = entry.file_type() else { continue };
            if *first == "**" {
                // Links are not followed down: they can go in a circle.
                if kind.is_dir() {
                    self.descend(&entry.path(), parts)?;
                }
            } else if matches(first.as_bytes(), entry.file_name().as_encoded_bytes()) {
                if !rest.is_empty() {
                    self.descend(&entry.path(), rest)?;
                } else if let Ok(meta) = fs::metadata(entry.path())
                    && meta.is_file()
                    && let Ok(modified) = meta.modified()
                {
                    self.found.push(Found { modified, size: meta.len() });
                }
            }
        }
        Ok(())
    }
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // As a shell: a leading dot must be written.
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, name, expected) in [
            ("*.dump", "a.dump", true),
            ("*.dump", ".a.dump", false),
            ("b*k?p-*", "backup-2024", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "a", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn folders() {
        let dir =
            exporter_testkit::fixture::tree(&[("a/1.log", "x"), ("a/b/2.log", "xx"), ("a/b/3.txt", "")])
                .unwrap();
        let count = |pattern: &str| find(&format!("{}/{pattern}", dir.path().display())).unwrap().0.len();
        assert_eq!(
            (count("a/*.log"), count("a/**/*.log"), count("**/*"), count("n*/*"), count("a/1.log")),
            (1, 2, 3, 0, 1)
        );
        let error = find(&format!("{}/nope/*", dir.path().display())).unwrap_err().to_string();
        assert!(error.contains("/nope: "), "{error}");
    }
}

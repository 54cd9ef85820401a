//! Files that hold what the code is expected to produce.

use std::fmt::Write as _;
use std::path::Path;

use crate::{Error, Result};

/// How many differing lines a message shows.
const SHOWN: usize = 40;

/// Compares with the file; with `UPDATE=1` in the environment writes it instead.
pub fn check(path: impl AsRef<Path>, actual: impl AsRef<[u8]>) -> Result {
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    check_or_update(path.as_ref(), actual.as_ref(), update)
}

fn check_or_update(path: &Path, actual: &[u8], update: bool) -> Result {
    if update {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        return std::fs::write(path, actual)
            .map_err(Error::context(format!("cannot write {}", path.display())));
    }
    let expected = std::fs::read(path)
        .map_err(Error::context(format!("golden file {} (create it with UPDATE=1)", path.display())))?;
    if expected == actual {
        return Ok(());
    }
    Err(Error::new(format!(
        "differs from {} (- expected, + actual; accept with UPDATE=1):\n{}",
        path.display(),
        diff(&String::from_utf8_lossy(&expected), &String::from_utf8_lossy(actual)),
    )))
}

/// The lines that differ, each with its line number, found by the longest common subsequence between the common start
/// and the common end. Where that middle is too large for its table, all of it is shown as replaced.
pub fn diff(expected: &str, actual: &str) -> String {
    let old: Vec<&str> = expected.split('\n').collect();
    let new: Vec<&str> = actual.split('\n').collect();
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let changes = changes(&old[start..old.len() - end], &new[start..new.len() - end]);
    let mut text = String::new();
    for (sign, at, line) in changes.iter().take(SHOWN) {
        let _ = writeln!(text, "{sign}{:<5} {}", at + start + 1, line.escape_debug());
    }
    if changes.len() > SHOWN {
        let _ = writeln!(text, "... and {} more lines", changes.len() - SHOWN);
    }
    text
}

fn changes<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, usize, &'a str)> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; if old.len() * new.len() > 4_000_000 { 0 } else { (old.len() + 1) * width }];
    if !common.is_empty() {
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                common[i * width + j] = if old[i] == new[j] {
                    common[(i + 1) * width + j + 1] + 1
                } else {
                    common[(i + 1) * width + j].max(common[i * width + j + 1])
                };
            }
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] && !common.is_empty() {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len()
                || common.is_empty()
                || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            out.push(('-', i, old[i]));
            i += 1;
        } else {
            out.push(('+', j, new[j]));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::TempDir;

    #[test]
    fn equal_passes_and_different_shows_the_lines() {
        let dir = TempDir::new().unwrap();
        let path = dir.write("page.txt", "a 1\nb 2\nc 3\n").unwrap();
        check_or_update(&path, b"a 1\nb 2\nc 3\n", false).unwrap();
        let text = check_or_update(&path, b"a 1\nb 9\nc 3\nd 4\n", false).unwrap_err().to_string();
        assert!(text.contains("-2     b 2\n+2     b 9\n+4     d 4\n"), "{text}");
        assert!(!text.contains("a 1"), "{text}");
    }

    #[test]
    fn a_missing_file_names_the_cure_and_update_writes_it() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("new/page.txt");
        let text = check_or_update(&path, b"x\n", false).unwrap_err().to_string();
        assert!(text.contains("UPDATE=1"), "{text}");
        check_or_update(&path, b"x\n", true).unwrap();
        check_or_update(&path, b"x\n", false).unwrap();
    }

    #[test]
    fn an_inserted_line_is_one_line_of_difference() {
        assert_eq!(diff("a\nb\nc", "a\nx\nb\nc"), "+2     x\n");
        assert_eq!(diff("a\nb\nc\nd", "b\nc\ne\nd"), "-1     a\n+3     e\n");
        assert_eq!(diff("a", "a\n"), "+2     \n");
    }

    #[test]
    fn long_differences_are_cut() {
        let long: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert!(diff("", &long).ends_with("... and 60 more lines\n"), "{}", diff("", &long));
    }
}

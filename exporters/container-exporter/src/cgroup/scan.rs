//! Finding containers without an engine: by the directories that engines make for them.

use std::fs;
use std::path::Path;

use super::parse::container_id;

/// Slices, pods and scopes above a container's own directory.
const DEPTH: usize = 8;

/// Containers by id, with their path; directories below one are its own business.
pub(crate) fn scan(root: &Path, max: usize) -> std::io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    walk(root, "", DEPTH, max, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(
    directory: &Path,
    path: &str,
    depth: usize,
    max: usize,
    found: &mut Vec<(String, String)>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let below = format!("{path}/{name}");
        if let Some(id) = container_id(name) {
            if found.len() < max {
                found.push((id.to_owned(), below));
            }
        } else if depth > 0 {
            // It may have gone meanwhile.
            let _ = walk(&entry.path(), &below, depth - 1, max, found);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_all_engines_are_found() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let dir = exporter_testkit::fixture::tree(&[
            (format!("docker/{a}/tasks").as_str(), ""),
            (format!("docker/{a}/inner/{b}/tasks").as_str(), ""),
            (format!("kubepods.slice/x.slice/cri-containerd-{b}.scope/tasks").as_str(), ""),
            ("user.slice/tasks", ""),
        ])
        .unwrap();
        let found = scan(dir.path(), 10).unwrap();
        let expected = [
            (a.clone(), format!("/docker/{a}")),
            (b.clone(), format!("/kubepods.slice/x.slice/cri-containerd-{b}.scope")),
        ];
        assert_eq!(found, expected);
        assert_eq!(scan(dir.path(), 1).unwrap().len(), 1);
    }
}

//! Users' files: what is wrong with one costs nothing but itself.

use crate::support::{Node, value};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("node-exporter-textfile-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.0.join(file);
        fs::write(&path, text).unwrap();
        path
    }

    fn node(&self, more: &[(&str, &str)]) -> Node {
        node(self.0.to_str().unwrap(), more)
    }

    fn reason(&self, page: &str, file: &str) -> Option<String> {
        let path = if file.is_empty() { self.0.clone() } else { self.0.join(file) };
        let start = format!("node_textfile_file_error{{file=\"{}\",reason=\"", path.display());
        Some(page.lines().find_map(|line| line.strip_prefix(&start))?.split('"').next()?.to_owned())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn node(directory: &str, more: &[(&str, &str)]) -> Node {
    let flags = [("collector.textfile.directory", directory)];
    let flags = flags.iter().chain(more);
    Node::new(&flags.map(|(flag, value)| ((*flag).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
}

#[test]
fn bad_files_hide_no_other() {
    let directory = Directory::new("bad");
    directory.write("good.prom", "good 1\n");
    directory.write("ignored.txt", "ignored 1\n");
    directory.write("garbage.prom", "this is not a page\n");
    directory.write("half.prom", "half 1\nhal");
    directory.write("times.prom", "times 1 1700000000000\n");
    fs::create_dir(directory.0.join("directory.prom")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.0.join("dangling.prom")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(directory.0.join("pipe.prom")).status().unwrap().success()
    );
    let page = directory.node(&[]).scrape();
    assert_eq!(value(&page, "good"), Some(1.0));
    assert_eq!(value(&page, "node_textfile_scrape_error"), Some(1.0));
    assert_eq!(value(&page, "node_scrape_collector_success{collector=\"textfile\"}"), Some(1.0));
    for (file, reason) in [
        ("garbage.prom", "invalid"),
        ("half.prom", "invalid"),
        ("times.prom", "timestamps"),
        ("directory.prom", "unreadable"),
        ("dangling.prom", "unreadable"),
        ("pipe.prom", "unreadable"),
    ] {
        assert_eq!(directory.reason(&page, file).as_deref(), Some(reason), "{file}");
    }
    assert_eq!(directory.reason(&page, "good.prom"), None);
    assert!(!page.contains("\nignored ") && !page.contains("\nhalf ") && !page.contains("\ntimes "));
}

#[test]
fn a_file_is_read_again_when_it_changes() {
    let directory = Directory::new("change");
    let file = directory.write("a.prom", "answer 41\n");
    let node = directory.node(&[]);
    assert_eq!(value(&node.scrape(), "answer"), Some(41.0));
    // As its writers should do it: a new file under the old name.
    fs::rename(directory.write("a.tmp", "answer 42\n"), &file).unwrap();
    assert_eq!(value(&node.scrape(), "answer"), Some(42.0));
    assert_eq!(value(&node.scrape(), "answer"), Some(42.0), "from memory");
    fs::rename(directory.write("a.tmp", "broken\n"), &file).unwrap();
    let page = node.scrape();
    assert_eq!(
        (value(&page, "answer"), directory.reason(&page, "a.prom").as_deref()),
        (None, Some("invalid"))
    );
    fs::remove_file(&file).unwrap();
    assert_eq!(value(&node.scrape(), "node_textfile_scrape_error"), Some(0.0));
}

#[test]
fn old_files_are_left_out_on_request() {
    let directory = Directory::new("old");
    for (file, age) in [("old.prom", 3600), ("new.prom", 1)] {
        let path = directory.write(file, &format!("{} 1\n", file.trim_end_matches(".prom")));
        let written = SystemTime::now() - Duration::from_secs(age);
        File::options().append(true).open(path).unwrap().set_modified(written).unwrap();
    }
    let page = directory.node(&[("collector.textfile.max-age", "30m")]).scrape();
    assert_eq!((value(&page, "old"), value(&page, "new")), (None, Some(1.0)));
    assert_eq!(directory.reason(&page, "old.prom").as_deref(), Some("stale"));
    assert_eq!(value(&directory.node(&[]).scrape(), "old"), Some(1.0));
}

#[test]
fn users_families_and_ours() {
    let directory = Directory::new("families");
    directory.write("a.prom", "# HELP shared A.\n# TYPE shared gauge\nshared{file=\"a\"} 1\n");
    directory.write(
        "b.prom",
        "# HELP shared Another.\n# TYPE shared gauge\nshared{file=\"b\"} 2\nshared{file=\"a\"} 3\n",
    );
    directory.write("c.prom", "# TYPE node_load1 counter\nnode_load1 12345\n");
    let page = directory.node(&[]).scrape();
    assert_eq!(value(&page, "shared{file=\"a\"}"), Some(1.0), "the first one wins");
    assert_eq!(value(&page, "shared{file=\"b\"}"), Some(2.0));
    assert_ne!(value(&page, "node_load1"), Some(12_345.0));
    assert!(page.contains("\n# TYPE node_load1 gauge\n"));
    assert_eq!(page.matches("# TYPE shared ").count(), 1);
    assert!(!page.contains("shared{file=\"a\"} 3"));

    directory.write(
        "d.prom",
        "# TYPE node_textfile_mtime_seconds counter\nnode_textfile_mtime_seconds{file=\"x\"} 1\n",
    );
    let page = directory.node(&[]).scrape();
    assert!(page.contains("\n# TYPE node_textfile_mtime_seconds gauge\n"));
    assert!(page.contains("/d.prom\"} ") && !page.contains("{file=\"x\"}"), "{page}");
}

#[test]
fn patterns_and_missing_directories() {
    let directory = Directory::new("pattern");
    for name in ["a1", "a2", "b1"] {
        fs::create_dir(directory.0.join(name)).unwrap();
        directory.write(&format!("{name}/x.prom"), &format!("{name} 1\n"));
    }
    let page = node(directory.0.join("a*").to_str().unwrap(), &[]).scrape();
    assert_eq!((value(&page, "a1"), value(&page, "a2"), value(&page, "b1")), (Some(1.0), Some(1.0), None));
    assert_eq!(value(&page, "node_textfile_scrape_error"), Some(0.0));
    let missing = Path::new(&directory.0).join("none");
    let page = node(missing.to_str().unwrap(), &[]).scrape();
    assert_eq!(value(&page, "node_textfile_scrape_error"), Some(1.0));
    assert_eq!(directory.reason(&page, "none").as_deref(), Some("unreadable"), "the directory is named");
}

#[test]
fn files_together_have_a_bound_and_what_is_beyond_it_is_named() {
    let directory = Directory::new("much");
    let page = |name: &str, megabytes: usize| {
        let comment = format!("# {}\n", "x".repeat(1021));
        directory.write(&format!("{name}.prom"), &format!("{}{name} 1\n", comment.repeat(megabytes * 1024)));
    };
    let served = |page: &str| ["a", "b", "c", "d"].map(|name| value(page, name) == Some(1.0));
    for name in ["a", "b", "c"] {
        page(name, 12);
    }
    page("d", 1);
    let node = directory.node(&[]);
    for _ in 0..2 {
        let page = node.scrape();
        assert_eq!(served(&page), [true, true, false, true]);
        assert_eq!(directory.reason(&page, "c.prom").as_deref(), Some("too_much"));
    }
    // An earlier one that grows takes the place of a later one; one that goes gives it back.
    fs::remove_file(directory.0.join("a.prom")).unwrap();
    assert_eq!(served(&node.scrape()), [false, true, true, true]);
    page("a", 15);
    assert_eq!(served(&node.scrape()), [true, true, false, true]);
    page("a", 17);
    let page = node.scrape();
    assert_eq!(directory.reason(&page, "a.prom").as_deref(), Some("too_large"));
    assert_eq!(served(&page), [false, true, true, true]);
}

#[test]
fn a_directory_has_a_bound_of_files() {
    let directory = Directory::new("many");
    for number in 0..1001 {
        directory.write(&format!("{number:04}.prom"), &format!("series{{file=\"{number}\"}} 1\n"));
    }
    let page = directory.node(&[]).scrape();
    assert_eq!(page.matches("\nseries{").count(), 1000);
    assert_eq!(directory.reason(&page, "").as_deref(), Some("too_many_files"));
}

//! What must hold whatever a kernel file contains. The fuzz target calls it, and an ordinary test with the seeds.

use exporter_core::exposition::parse::parse;
use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::{Filter, Outcome, Registry, Settings};
use node_exporter::EXPORTER;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A copy of the host under `fixtures`, gone with its value.
pub(crate) struct Host {
    root: PathBuf,
    files: Vec<PathBuf>,
    registry: Registry,
    scrapes: usize,
}

/// After so many scrapes all is looked up anew, as after a start.
const RENEWED: usize = 16;

/// All that reads files; the others ask the kernel.
const OFF: &[&str] = &["systemd", "timex", "uname"];
const ON: &[&str] = &[
    "buddyinfo",
    "cgroups",
    "cpu.info",
    "cpu_vulnerabilities",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "processes.state",
    "slabinfo",
    "softirqs",
    "swap",
    "sysctl",
    "xfrm",
    "zoneinfo",
];

impl Host {
    pub(crate) fn new() -> Self {
        // The fuzz crate stands one folder deeper.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let fixtures =
            [here.join("fixtures"), here.join("../fixtures")].into_iter().find(|path| path.is_dir());
        let fixtures = fixtures.expect("the fixtures are beside us");
        let unique = format!("node-exporter-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
        let root = std::env::temp_dir().join(unique.replace(['(', ')'], ""));
        let mut files = Vec::new();
        copy(&fixtures, &root, &mut files);
        files.sort_unstable();
        let registry = registry(&root);
        Self { root, files, registry, scrapes: 0 }
    }

    /// The files, by their place in the copy.
    #[allow(dead_code, reason = "the fuzz target goes by numbers")]
    pub(crate) fn files(&self) -> Vec<String> {
        let name = |file: &PathBuf| file.strip_prefix(&self.root).ok()?.to_str().map(str::to_owned);
        self.files.iter().filter_map(name).collect()
    }

    /// Scrapes twice with this content in the file: nothing panics, nothing hangs, and the page is a valid one.
    pub(crate) fn any_content(&mut self, file: usize, content: &[u8]) {
        let path = self.files[file % self.files.len()].clone();
        let before = std::fs::read(&path).expect("a file of ours");
        std::fs::write(&path, content).expect("a file of ours");
        if self.scrapes.is_multiple_of(RENEWED) {
            self.registry = registry(&self.root);
        }
        self.scrapes += 1;
        let place = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
        for _ in 0..2 {
            let page = scrape(&self.registry);
            if let Err(error) = parse(&page, Format::Text) {
                panic!("{place}: {error}\n{}", String::from_utf8_lossy(&page));
            }
            for collector in self.registry.collectors() {
                let status = self.registry.status(collector.name).expect("it was scraped");
                match status.outcome {
                    Outcome::Error(error) => {
                        assert!(!error.contains("panic"), "{place}: {}: {error}", collector.name)
                    }
                    Outcome::Timeout => panic!("{place}: {} is not ready", collector.name),
                    _ => {}
                }
            }
        }
        std::fs::write(&path, before).expect("a file of ours");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn registry(root: &Path) -> Registry {
    let path = |file: &str| root.join(file).display().to_string();
    let switch = |name: &&str, on: bool| (format!("collector.{name}"), on.to_string());
    let mut flags = vec![
        ("path.procfs".to_owned(), path("proc")),
        ("path.sysfs".to_owned(), path("sys")),
        ("path.rootfs".to_owned(), path("root")),
        ("path.udev.data".to_owned(), path("udev")),
        ("collector.textfile.directory".to_owned(), path("textfile")),
    ];
    let setting = |name: &str| ("collector.sysctl.include".to_owned(), name.to_owned());
    flags.extend(["kernel.threads-max", "net.ipv4.tcp_rmem", "fs.file-nr:a,b,c"].map(setting));
    flags.extend(OFF.iter().map(|name| switch(name, false)));
    flags.extend(ON.iter().map(|name| switch(name, true)));
    let settings =
        Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), flags).expect("flags of ours");
    Registry::new(EXPORTER.namespace, (EXPORTER.sources)(&settings).expect("paths of ours")).expect("sources")
}

fn scrape(registry: &Registry) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let filter = Filter::default();
    let collected = runtime.block_on(registry.collect(&filter, Instant::now() + Duration::from_secs(30)));
    let mut page = Vec::new();
    collected.write(&[], Options::new(Format::Text), &mut Assembly::new(), &mut page);
    page
}

fn copy(from: &Path, to: &Path, files: &mut Vec<PathBuf>) {
    std::fs::create_dir_all(to).expect("a folder of ours");
    for entry in std::fs::read_dir(from).expect("the fixtures") {
        let entry = entry.expect("the fixtures");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target, files);
        } else {
            std::fs::copy(entry.path(), &target).expect("a file of ours");
            files.push(target);
        }
    }
}

//! A changed configuration is taken up without a restart; a bad one changes nothing.

use super::support::{Exporters, LIMIT};
use exporter_testkit::process::Signal;
use exporter_testkit::{fixture, http};

const TWO: &str = "exporters: {node: [{name: a}, {name: b}]}";

struct Configured {
    dir: fixture::TempDir,
    exporters: Exporters,
}

impl Configured {
    fn start(arguments: &[&str]) -> Self {
        let dir = fixture::tree(&[("exporters.yml", TWO)]).unwrap();
        let file = format!("--config.file={}", dir.path().join("exporters.yml").display());
        let mut all = vec![file.as_str()];
        all.extend(arguments);
        let exporters = Exporters::start(&all);
        Self { dir, exporters }
    }

    fn write(&self, text: &str) {
        self.dir.write("exporters.yml", text).unwrap();
    }

    fn status(&self, path: &str) -> u16 {
        http::get(&format!("http://{}{path}", self.exporters.address()), &[]).unwrap().status
    }

    fn post(&self, path: &str) -> http::Response {
        http::post(&format!("http://{}{path}", self.exporters.address()), &[], b"").unwrap()
    }

    fn successful(&self) -> bool {
        self.exporters.get("/metrics").contains("\nexporters_config_last_reload_successful 1\n")
    }
}

#[test]
fn hangup_adds_and_removes_instances() {
    let mut configured = Configured::start(&[]);
    assert_eq!((configured.status("/node/a/metrics"), configured.status("/node/c/metrics")), (200, 404));
    configured.write("exporters: {node: [{name: b}, {name: c}]}");
    configured.exporters.process.signal(Signal::HUP).unwrap();
    configured.exporters.process.wait_stderr_line("configuration loaded", LIMIT).unwrap();
    for (path, status) in [("/node/a/metrics", 404), ("/node/b/metrics", 200), ("/node/c/metrics", 200)] {
        assert_eq!(configured.status(path), status, "{path}");
    }
    assert!(configured.successful());
}

#[test]
fn a_bad_configuration_keeps_the_one_before() {
    let mut configured = Configured::start(&["--web.enable-lifecycle"]);
    configured.write("exporters: {node: [{name: c}], nonsense: []}");
    let response = configured.post("/-/reload");
    assert_eq!(response.status, 500);
    assert!(response.text().contains("unknown exporter \"nonsense\""), "{}", response.text());
    configured.exporters.process.wait_stderr_line("the one before stays", LIMIT).unwrap();
    assert_eq!((configured.status("/node/a/metrics"), configured.status("/node/c/metrics")), (200, 404));
    assert!(!configured.successful());

    configured.write(TWO);
    assert_eq!(configured.post("/-/reload").status, 200);
    assert!(configured.successful());
}

/// A file on a file system that hangs, which a pipe without a writer is like.
#[test]
fn a_reload_that_hangs_keeps_nobody_from_being_served_or_the_server_from_stopping() {
    let mut configured = Configured::start(&[]);
    let file = configured.dir.path().join("exporters.yml");
    std::fs::remove_file(&file).unwrap();
    exporter_testkit::process::run(std::process::Command::new("mkfifo").arg(&file), LIMIT).unwrap();
    configured.exporters.process.signal(Signal::HUP).unwrap();
    for _ in 0..3 {
        assert_eq!(configured.status("/node/a/metrics"), 200);
    }
    configured.exporters.process.signal(Signal::TERM).unwrap();
    let began = std::time::Instant::now();
    assert!(configured.exporters.process.wait_exit(LIMIT).unwrap().success());
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn an_instance_that_stays_as_it_is_is_not_made_anew() {
    let configured = Configured::start(&["--web.enable-lifecycle"]);
    configured.exporters.get("/node/a/metrics");
    configured.exporters.get("/node/b/metrics");
    let unscraped = |page: &str| page.matches("not scraped yet").count();
    assert_eq!(unscraped(&configured.exporters.get("/")), 0);
    configured.write("exporters: {node: [{name: a}, {name: b, collector.meminfo: false}]}");
    assert_eq!(configured.post("/-/reload").status, 200);
    assert_eq!(unscraped(&configured.exporters.get("/")), 1, "b is new, a remembers its last scrape");
}

#[test]
fn reload_by_http_is_off_until_it_is_switched_on() {
    let configured = Configured::start(&[]);
    let response = configured.post("/-/reload");
    assert_eq!(response.status, 403);
    assert!(response.text().contains("--web.enable-lifecycle"));
    assert_eq!(configured.status("/-/reload"), 405);
}

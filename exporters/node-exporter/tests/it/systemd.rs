//! A systemd of our own (a user's manager, with a bus of its own), and what its units come to.

use crate::peer::{Page, Peer};
use crate::support::Node;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::process::{Process, Signal};
use exporter_testkit::{Error, Result, tools, wait};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

const UNITS: &[(&str, &str)] = &[
    ("units/default.target", "[Unit]\nWants=good.service bad.service tick.timer echo.socket bus.target\n"),
    ("units/basic.target", "[Unit]\n"),
    ("units/bus.target", "[Unit]\nWants=dbus.socket dbus.service\n"),
    ("units/good.service", "[Service]\nType=exec\nExecStart=/bin/true\nRemainAfterExit=yes\n"),
    ("units/bad.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n"),
    ("units/tick.timer", "[Timer]\nOnActiveSec=1\nAccuracySec=1ms\n"),
    ("units/tick.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
    ("units/echo.socket", "[Socket]\nListenStream=%t/echo\nAccept=yes\n"),
    ("units/echo@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n"),
    ("units/dbus.socket", "[Socket]\nListenStream=%t/dbus/system_bus_socket\n"),
    (
        "units/dbus.service",
        "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\n\
         ExecStart=DAEMON --session --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n",
    ),
];

/// What the peer gives only on request, too.
const ON_REQUEST: &[&str] = &[
    "collector.systemd.enable-restarts-metrics",
    "collector.systemd.enable-start-time-metrics",
    "collector.systemd.enable-task-metrics",
];

const ALL: &str = "node_systemd_";
/// Mount units come and go with what else happens on the machine.
const MOUNTS: &[&str] = &["node_systemd_units{"];

/// Its folder is the root that the exporter looks at: the sockets are where those of a host are.
struct Systemd {
    root: TempDir,
    process: Option<Process>,
    /// With a bus it has a namespace of processes, so that the bus ends with it; it refuses to be asked directly then.
    bus: bool,
}

impl Systemd {
    fn start() -> Result<Self> {
        Self::start_with(true)
    }

    fn start_with(bus: bool) -> Result<Self> {
        let root = TempDir::new()?;
        let daemon = tools::path("dbus-daemon")?;
        for (file, text) in UNITS.iter().filter(|(file, _)| bus || !file.contains("dbus")) {
            root.write(file, text.replace("DAEMON", &daemon.display().to_string()))?;
        }
        for directory in ["run", "run/dbus", "run/systemd"] {
            std::fs::create_dir(root.path().join(directory))?;
        }
        std::fs::set_permissions(root.path().join("run"), std::fs::Permissions::from_mode(0o700))?;
        let mut systemd = Self { root, process: None, bus };
        systemd.run()?;
        Ok(systemd)
    }

    /// It starts only where it finds that the machine was booted by it; so it gets a /run that says so. As the first process
    /// it would not be a user's manager, so the shell stays.
    fn run(&mut self) -> Result {
        let root = self.root.path();
        let exec = if self.bus { "" } else { "exec" };
        let script = format!("mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && {exec} \"$@\"");
        let program = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
        let program = program.into_iter().find(|path| std::path::Path::new(path).exists());
        let program = program.ok_or_else(|| Error::new("no systemd: run `cargo xtask setup`"))?;
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if self.bus {
            command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        }
        command.args(["sh", "-c", &script, "sh", program, "--user"]);
        command.env("XDG_RUNTIME_DIR", root.join("run")).env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command.env("SYSTEMD_UNIT_PATH", root.join("units")).env("SYSTEMD_LOG_TARGET", "console");
        let mut process = Process::spawn(&mut command)?;
        let socket = if self.bus { "run/dbus/system_bus_socket" } else { "run/systemd/private" };
        let socket = root.join(socket);
        process.until("its socket", wait::LONG, || {
            if socket.exists() { Ok(()) } else { Err(Error::new("not there")) }
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// A namespace's first process ignores what would end it gently.
    fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::KILL);
        }
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.root.path().join("run/dbus/system_bus_socket").display())
    }

    fn node(&self, more: &[&str]) -> Node {
        node(&self.root, more)
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// With the collector alone, and what `more` switches on.
fn node(root: &TempDir, more: &[&str]) -> Node {
    let switch = |name: &str, on: bool| (name.to_owned(), on.to_string());
    let others = (node_exporter::EXPORTER.collectors)();
    let others = others.iter().filter(|collector| collector.name != "systemd");
    let mut flags: Vec<_> =
        others.map(|collector| switch(&format!("collector.{}", collector.name), false)).collect();
    flags.extend(more.iter().map(|name| switch(name, true)));
    flags.push(("path.rootfs".to_owned(), root.path().display().to_string()));
    Node::new(&flags)
}

/// Scrapes until all that starts has started.
fn settled(node: &Node) -> Result<Page> {
    wait::until("units that have come to rest", wait::LONG, || {
        let page = Page::parse(&node.scrape());
        let is = |unit: &str, state: &str, kind: &str| {
            page.value(&format!(
                "node_systemd_unit_state{{name=\"{unit}\",state=\"{state}\",type=\"{kind}\"}}"
            )) == Some(1.0)
        };
        let all = is("good.service", "active", "exec")
            && is("bad.service", "failed", "oneshot")
            && is("tick.service", "inactive", "oneshot")
            && is("echo.socket", "active", "")
            && page.value("node_systemd_timer_last_trigger_seconds{name=\"tick.timer\"}") > Some(1e9);
        if all { Ok(page) } else { Err(Error::new(node.scrape())) }
    })
}

#[test]
fn units_as_the_peer_sees_them_through_the_same_bus() -> Result {
    let systemd = Systemd::start()?;
    let node = systemd.node(ON_REQUEST);
    settled(&node)?;
    let _client = std::os::unix::net::UnixStream::connect(systemd.root.path().join("run/echo"))?;
    let accepted = "node_systemd_socket_accepted_connections_total{name=\"echo.socket\"}";
    wait::until("the connection", wait::LONG, || match Page::parse(&node.scrape()).value(accepted) {
        Some(1.0) => Ok(()),
        other => Err(Error::new(format!("{other:?}"))),
    })?;
    let flags: Vec<_> = ["collector.disable-defaults", "collector.systemd"]
        .iter()
        .chain(ON_REQUEST)
        .map(|name| format!("--{name}"))
        .collect();
    let peer = Peer::start(&flags, &[("DBUS_SYSTEM_BUS_ADDRESS", &systemd.address())])?;
    let moving = ["node_systemd_unit_tasks_current", MOUNTS[0]];
    wait::until("the peer's values", wait::LONG, || {
        let (theirs, ours) = (peer.page()?, Page::parse(&node.scrape()));
        assert_eq!(ours.types(ALL), theirs.types(ALL));
        let (theirs, ours) = (theirs.values(ALL, &moving), ours.values(ALL, &moving));
        assert!(theirs.len() > 40, "{theirs:#?}");
        if theirs == ours { Ok(()) } else { Err(Error::new(format!("{theirs:#?}\n{ours:#?}"))) }
    })
}

#[test]
fn without_a_bus_systemd_is_asked_directly() -> Result {
    let systemd = Systemd::start_with(false)?;
    let page = settled(&systemd.node(&[]))?;
    assert_eq!(
        page.values(ALL, MOUNTS),
        settled(&systemd.node(&["collector.systemd.private"]))?.values(ALL, MOUNTS)
    );
    assert_eq!(page.value("node_systemd_system_running"), Some(0.0), "a unit has failed");
    Ok(())
}

#[test]
fn a_systemd_that_was_started_anew_is_found_by_the_next_scrape() -> Result {
    let mut systemd = Systemd::start()?;
    let node = systemd.node(&[]);
    settled(&node)?;
    systemd.kill();
    node.scrape();
    assert_eq!(node.outcomes()["systemd"].as_str(), "error", "its sockets are there, and nobody listens");
    std::fs::remove_dir_all(systemd.root.path().join("run/systemd"))?;
    std::fs::remove_file(systemd.root.path().join("run/dbus/system_bus_socket"))?;
    systemd.run()?;
    settled(&node)?;
    // And without a scrape in between: the connection that was kept is dead.
    systemd.kill();
    std::fs::remove_file(systemd.root.path().join("run/dbus/system_bus_socket"))?;
    systemd.run()?;
    settled(&node)?;
    Ok(())
}

#[test]
fn a_bus_without_systemd_and_none_at_all_are_no_data() -> Result {
    let root = TempDir::new()?;
    let node = node(&root, &[]);
    node.scrape();
    assert_eq!(node.outcomes()["systemd"].as_str(), "nodata");
    std::fs::create_dir_all(root.path().join("run/dbus"))?;
    let socket = root.path().join("run/dbus/system_bus_socket");
    let mut command = Command::new(tools::path("dbus-daemon")?);
    command.args(["--session", "--nofork", &format!("--address=unix:path={}", socket.display())]);
    let mut bus = Process::spawn(&mut command)?;
    bus.until("the bus' socket", wait::LONG, || {
        if socket.exists() { Ok(()) } else { Err(Error::new("not there")) }
    })?;
    node.scrape();
    assert_eq!(node.outcomes()["systemd"].as_str(), "nodata");
    Ok(())
}

#[test]
fn one_that_never_answers_costs_a_few_seconds_and_nothing_else() -> Result {
    let root = TempDir::new()?;
    std::fs::create_dir_all(root.path().join("run/dbus"))?;
    let _listener = UnixListener::bind(root.path().join("run/dbus/system_bus_socket"))?;
    let node = node(&root, &["collector.loadavg"]);
    let page = node.scrape();
    assert_eq!(node.outcomes()["systemd"].as_str(), "error", "{page}");
    assert!(page.contains("\nnode_load1 "));
    Ok(())
}

//! The running program.

use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use std::process::Command;
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_exporters"))
}

/// The program on a port of its own, ended when dropped.
pub(crate) struct Exporters {
    pub(crate) process: Process,
    port: Port,
}

impl Exporters {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_by(command(), arguments)
    }

    /// On a machine of this name, as far as the program can tell.
    pub(crate) fn start_on(machine: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("unshare");
        let named = "hostname \"$0\" && exec \"$@\"";
        command.args(["--user", "--map-root-user", "--uts", "sh", "-c", named, machine]);
        command.arg(env!("CARGO_BIN_EXE_exporters"));
        Self::start_by(command, arguments)
    }

    fn start_by(mut command: Command, arguments: &[&str]) -> Self {
        let port = ports::free().unwrap();
        command.arg(format!("--web.listen-address={}", port.address())).args(arguments);
        let mut process = Process::spawn(&mut command).unwrap();
        process.wait_http(&format!("http://{}/-/ready", port.address()), LIMIT).unwrap();
        Self { process, port }
    }

    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        exporter_testkit::http::get(&format!("http://{}{path}", self.address()), &[]).unwrap().text()
    }
}

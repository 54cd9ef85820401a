//! The running exporter and what its page says.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, http, wait};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_container-exporter"))
}

/// The exporter on a port of its own.
pub(crate) struct Exporter {
    pub(crate) process: Process,
    port: Port,
}

impl Exporter {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        Self::start_as(None, arguments)
    }

    /// As another user, and without any right that root has.
    pub(crate) fn start_as(user: Option<u32>, arguments: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let mut command = command();
        command.arg(format!("--web.listen-address={}", port.address())).args(arguments);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut process = Process::spawn(&mut command)?;
        process.wait_http(&format!("http://{}/-/ready", port.address()), LIMIT)?;
        Ok(Self { process, port })
    }

    pub(crate) fn page(&self) -> Result<Page> {
        let answer =
            http::get(&format!("http://{}/metrics", self.port.address()), &[])?.expect_status(200)?;
        Ok(Page(answer.text()))
    }

    /// Scrapes until the page is as it should be.
    pub(crate) fn until(&mut self, what: &str, ready: impl Fn(&Page) -> bool) -> Result<Page> {
        let url = format!("http://{}/metrics", self.port.address());
        self.process.until(what, LIMIT, || {
            let page = Page(http::get(&url, &[])?.text());
            if ready(&page) { Ok(page) } else { Err(Error::new("not yet")) }
        })
    }

    /// How many files it has open, and its memory in bytes.
    pub(crate) fn footprint(&self) -> Result<(usize, usize)> {
        let process = format!("/proc/{}", self.process.pid());
        let files = std::fs::read_dir(format!("{process}/fd"))?.count();
        let status = std::fs::read_to_string(format!("{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim_end_matches("kB").trim().parse::<usize>().ok());
        Ok((files, kilobytes.ok_or_else(|| Error::new(status))? * 1024))
    }
}

/// `container-exporter meta` with a socket of its own.
pub(crate) struct Meta {
    pub(crate) process: Process,
    pub(crate) socket: PathBuf,
    _dir: TempDir,
}

impl Meta {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let socket = dir.path().join("meta.sock");
        Ok(Self { process: spawn_meta(&socket, arguments)?, socket, _dir: dir })
    }
}

pub(crate) fn spawn_meta(socket: &std::path::Path, arguments: &[&str]) -> Result<Process> {
    let mut command = command();
    command.arg("meta").arg(format!("--socket={}", socket.display())).args(arguments);
    let mut process = Process::spawn(&mut command)?;
    process.until("the socket of meta", LIMIT, || {
        std::os::unix::net::UnixStream::connect(socket).map(drop).map_err(Error::from)
    })?;
    Ok(process)
}

/// The text of a page.
pub(crate) struct Page(pub(crate) String);

impl Page {
    /// The only sample of this family with these labels.
    pub(crate) fn get(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.all(family, labels);
        let first = found.next()?;
        assert!(found.next().is_none(), "{family} {labels:?} is not one sample");
        Some(first)
    }

    /// All samples of this family with these labels.
    pub(crate) fn all(&self, family: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = f64> {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let family = family.to_owned();
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(&family)?;
            let (set, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let has = |label: &String| set.starts_with(label.as_str()) || set.contains(&format!(",{label}"));
            labels.iter().all(has).then(|| value.parse().ok())?
        })
    }
}

/// Waits for a condition that is no page.
pub(crate) fn until<T>(what: &str, ready: impl FnMut() -> Result<T>) -> Result<T> {
    wait::until(what, LIMIT, ready)
}

//! Containers of our own in the Docker engine that runs here.

use exporter_testkit::{Error, Result, process, tools};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Runs `docker` and returns what it prints.
pub(crate) fn docker(arguments: &[&str]) -> Result<String> {
    Ok(process::run(Command::new(tools::path("docker")?).args(arguments), LIMIT)?.trim().to_owned())
}

/// Asks the engine itself, which takes a tenth of what its client takes; its answer's body.
pub(crate) fn api(method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = UnixStream::connect("/var/run/docker.sock")?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, answer) = text.split_once("\r\n\r\n").ok_or_else(|| Error::new("no answer"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        return Err(Error::new(format!("{method} {path}: {status} {answer}")));
    }
    Ok(answer.to_owned())
}

/// Where our program's source is.
pub(crate) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/guest.rs")
}

/// The image with our program, built once.
pub(crate) fn image() -> Result<String> {
    static IMAGE: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    let build = || exporter_testkit::docker::guest(&source()).map_err(|error| error.to_string());
    IMAGE.get_or_init(build).clone().map_err(Error::new)
}

/// A container of a test; removed when dropped.
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Container {
    /// Starts one: options of `docker run`, then the words for our program.
    pub(crate) fn run(options: &[&str], words: &str) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("ctest-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let image = image()?;
        let mut arguments = vec!["run", "--detach", "--name", &name];
        arguments.extend(options);
        arguments.push(&image);
        arguments.extend(words.split(' '));
        let id = docker(&arguments)?;
        Ok(Self { name, id })
    }

    pub(crate) fn command(&self, word: &str) -> Result<String> {
        docker(&[word, &self.name])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker(&["rm", "--force", "--volumes", &self.id]);
    }
}

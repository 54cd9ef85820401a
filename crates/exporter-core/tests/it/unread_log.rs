//! A server whose standard error nobody reads.

use super::program::{LIMIT, stations, weather};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, http, ports, wait};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_full_pipe_costs_log_lines_and_no_scrape() {
    let (dir, port) = (TempDir::new().unwrap(), ports::free().unwrap());
    let mut command = weather();
    command.arg(format!("--station.file={}", stations(&dir, 10).display()));
    command.arg(format!("--web.listen-address={}", port.address())).arg("--log.level=debug");
    let mut child = Ended(command.stderr(Stdio::piped()).spawn().unwrap());
    let url = format!("http://{}/metrics", port.address());
    let lost = || -> Result<f64, Error> {
        let page = http::get(&url, &[])?.expect_status(200)?.text();
        let line = page.lines().find_map(|line| line.strip_prefix("exporter_log_lines_lost_total "));
        line.and_then(|count| count.parse().ok()).ok_or_else(|| Error::new("no such series"))
    };
    assert_eq!(wait::until("the first page", LIMIT, lost).unwrap(), 0.0);
    // Each is a line of debug; a pipe takes 64 kB.
    let garbage =
        || TcpStream::connect(port.address()).and_then(|mut stream| stream.write_all(b"\0\0\r\n\r\n"));
    wait::until("the pipe to be full", LIMIT, || {
        (0..100).try_for_each(|_| garbage())?;
        if lost()? > 0.0 { Ok(()) } else { Err(Error::new("it takes more lines")) }
    })
    .unwrap();
    // Once somebody reads, lines come again.
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("connection ended")).unwrap().unwrap();
    let before = lost().unwrap();
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).count());
    wait::until("lines to be taken again", LIMIT, || {
        let before = lost()?;
        garbage()?;
        if lost()? == before { Ok(()) } else { Err(Error::new("lost")) }
    })
    .unwrap();
    drop(child);
    assert!(before > 0.0 && reader.join().unwrap() > 100);
}

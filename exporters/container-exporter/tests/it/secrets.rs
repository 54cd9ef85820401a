//! What a container keeps to itself is found nowhere: not on the page, not on meta's socket, not in a log, not in memory.

use super::docker::Container;
use super::support::{Exporter, Meta, until};
use exporter_testkit::{Error, Result};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Assembled, so that it stands in no program as such.
fn secret() -> String {
    format!("hunter-{}-two", std::process::id())
}

fn guest() -> Result<Container> {
    let secret = secret();
    Container::run(
        &[
            &format!("--env=TOKEN={secret}"),
            &format!("--label=traefik.auth={secret}"),
            &format!("--health-cmd=absent /{secret}"),
            "--health-interval=1s",
        ],
        &format!("pause 1 then touch /{secret} then sleep"),
    )
}

/// Whether the writable memory of a process holds the secret once its work is done.
fn is_in_memory(pid: u32) -> Result<bool> {
    let secret = secret();
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem"))?;
    for line in std::fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let mut fields = line.split(' ');
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { continue };
        if !rights.starts_with("rw") || line.contains("[v") {
            continue;
        }
        let Some((from, to)) = range.split_once('-') else { continue };
        let hex = |text| u64::from_str_radix(text, 16).map_err(Error::context("an address"));
        let (from, to) = (hex(from)?, hex(to)?);
        let mut bytes = vec![0; (to - from) as usize];
        memory.seek(SeekFrom::Start(from))?;
        // A part that was unmapped meanwhile holds nothing.
        if memory.read_exact(&mut bytes).is_ok()
            && bytes.windows(secret.len()).any(|w| w == secret.as_bytes())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn no_secret_leaves_the_process_that_asks() -> Result {
    let guest = guest()?;
    let meta = Meta::start(&["--log.level=debug"])?;
    let mut exporter =
        Exporter::start(&[&format!("--meta.socket={}", meta.socket.display()), "--log.level=debug"])?;
    let page = exporter.until("the container", |page| {
        page.get("container_memory_rss", &[("name", &guest.name)]).is_some()
            && page.all("container_health_status", &[("name", &guest.name)]).next().is_some()
    })?;
    let mut told = UnixStream::connect(&meta.socket)?;
    told.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut text = Vec::new();
    until("the whole state on the socket", || {
        let mut chunk = [0; 65536];
        let length = told.read(&mut chunk)?;
        text.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&text);
        if text.contains("\"Up\"") && text.contains(&guest.name) {
            Ok(())
        } else {
            Err(Error::new("not yet"))
        }
    })?;
    for (place, text) in [
        ("page", page.0),
        ("socket", String::from_utf8_lossy(&text).into_owned()),
        ("log of meta", meta.process.stderr()),
        ("log of the exporter", exporter.process.stderr()),
    ] {
        assert!(!text.contains(&secret()), "the secret is in the {place}");
        assert!(!text.is_empty(), "{place}");
    }
    assert!(!is_in_memory(exporter.process.pid())?, "the process with the port has seen the secret");
    Ok(())
}

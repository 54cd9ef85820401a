//! The tcp and unix probers: connect, and a conversation by script.

use exporter_core::{Collector, Desc, Dynamic, Family, Kind, Page};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::{ADDRESS, BY_REGEX, COMMON, Probe, put_address, tls_facts, within};
use crate::config::options::{QueryResponse, Tcp};
use crate::net::dial::{self, Stage};
use crate::net::http::Duplex;
use crate::net::tls::TlsFacts;
use crate::net::url::split_port;
use crate::net::{Failure, Reason};

/// Longest line of a conversation, as in the peer.
const MAX_LINE: usize = 64 * 1024;

const FAMILIES: &[&Desc] = &[
    COMMON[0],
    COMMON[1],
    COMMON[2],
    ADDRESS[0],
    ADDRESS[1],
    ADDRESS[2],
    BY_REGEX.desc(),
    BY_BYTES.desc(),
    tls_facts::FAMILIES[0],
    tls_facts::FAMILIES[1],
    tls_facts::FAMILIES[2],
    tls_facts::FAMILIES[3],
];
/// Its labels are the configuration's.
static EXPECT: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "probe_expect_info", "What an expected line held.", &[]);

pub(crate) static TCP: Collector =
    Collector { name: "tcp", enabled: true, families: FAMILIES, dynamic: &[EXPECT.desc()] };
pub(crate) static UNIX: Collector =
    Collector { name: "unix", enabled: true, families: FAMILIES, dynamic: &[EXPECT.desc()] };

static BY_BYTES: Family<0> =
    Family::gauge("probe_failed_due_to_bytes", "Whether expected bytes did not come.", &[]);

#[derive(Default)]
struct Trace {
    stage: Stage,
    lookup: Duration,
    address: Option<IpAddr>,
    facts: Option<TlsFacts>,
    by_regex: bool,
    by_bytes: bool,
    /// The conversation has begun.
    talking: bool,
    /// Label names and values of `probe_expect_info`.
    labels: Vec<(String, String)>,
}

pub(super) async fn run(
    probe: &Probe,
    options: &Tcp,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    let mut trace = Trace::default();
    let result = within(begin, deadline, ask(probe, options, &mut trace)).await;
    put_address(probe, page, trace.lookup, trace.address);
    finish(probe, result, trace, page)
}

pub(super) async fn run_unix(
    probe: &Probe,
    options: &Tcp,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    let mut trace = Trace { stage: Stage::Connect, ..Trace::default() };
    let work = async {
        if !probe.context.may_ask_socket(&probe.target) {
            let told = format!("target {} is not on the list of allowed targets", probe.target);
            return Err(Failure::new(Reason::NotAllowed, told));
        }
        let stream = UnixStream::connect(&probe.target).await.map_err(|error| Failure::connect(&error))?;
        converse(probe, options, Box::new(stream), "", &mut trace).await
    };
    let result = within(begin, deadline, work).await;
    finish(probe, result, trace, page)
}

fn finish(
    probe: &Probe,
    result: Result<Result<(), Failure>, Duration>,
    mut trace: Trace,
    page: &mut Page,
) -> Result<(), Failure> {
    let result = result.unwrap_or_else(|after| {
        // As in the peer: a line that never came is a line that did not match.
        Err(trace.stage.timeout(after))
    });
    if let Some(facts) = &trace.facts {
        tls_facts::note(probe, facts);
        tls_facts::put(page, facts);
    }
    if !trace.labels.is_empty()
        && let Ok(mut family) = page.foreign(EXPECT.desc().name, Kind::Gauge, EXPECT.desc().help)
    {
        trace.labels.sort();
        let labels = trace.labels.iter().map(|(n, v)| (n.as_str(), v as &dyn exporter_core::LabelValue));
        // A label name that cannot stand on a page costs this series.
        let _ = family.put("", labels, 1.0);
    }
    if trace.talking {
        page.put(&BY_REGEX, [], trace.by_regex);
        page.put(&BY_BYTES, [], trace.by_bytes);
    }
    result
}

async fn ask(probe: &Probe, options: &Tcp, trace: &mut Trace) -> Result<(), Failure> {
    let target = probe.target.trim();
    let bad = || Failure::new(Reason::Resolve, format!("{target:?} is not HOST:PORT"));
    let (host, port) = split_port(target).ok_or_else(bad)?;
    let port = port.ok_or_else(bad)?;
    let begin = Instant::now();
    let result = dial::resolve(&probe.context.lookups, host, options.ip).await;
    trace.lookup = begin.elapsed();
    let address = result?;
    trace.address = Some(address);
    trace.stage = Stage::Connect;
    let address = SocketAddr::new(address, port);
    let stream = dial::connect(&probe.context.policy, host, address, options.source_ip_address).await?;
    let name = probe.hostname.as_deref().unwrap_or(host);
    converse(probe, options, Box::new(stream), name, trace).await
}

async fn converse(
    probe: &Probe,
    options: &Tcp,
    mut stream: Box<dyn Duplex>,
    name: &str,
    trace: &mut Trace,
) -> Result<(), Failure> {
    if options.tls {
        stream = secure(probe, options, stream, name, trace).await?;
    }
    trace.talking = true;
    let mut buffer = Vec::new();
    for step in &options.query_response {
        trace.stage = Stage::Response;
        let mut send = step.send.clone();
        if let Some(expect) = &step.expect {
            trace.by_regex = true;
            expand(&mut stream, &mut buffer, step, &expect.0, &mut send, trace).await?;
            trace.by_regex = false;
        }
        if !step.expect_bytes.is_empty() {
            trace.by_bytes = true;
            let wanted = step.expect_bytes.as_bytes();
            while buffer.len() < wanted.len() {
                more(&mut stream, &mut buffer).await?;
            }
            if !buffer.starts_with(wanted) {
                return Err(Failure::new(Reason::Expect, "other bytes came than expected"));
            }
            buffer.drain(..wanted.len());
            trace.by_bytes = false;
        }
        if !send.is_empty() {
            send.push('\n');
            stream.write_all(send.as_bytes()).await.map_err(|error| Failure::io(&error))?;
            stream.flush().await.map_err(|error| Failure::io(&error))?;
        }
        if step.starttls {
            // What was read too early belongs to the clear-text conversation.
            buffer.clear();
            stream = secure(probe, options, stream, name, trace).await?;
        }
    }
    Ok(())
}

/// Reads lines until one matches; the next thing to send may quote it.
async fn expand(
    stream: &mut Box<dyn Duplex>,
    buffer: &mut Vec<u8>,
    step: &QueryResponse,
    expect: &exporter_core::Regex,
    send: &mut String,
    trace: &mut Trace,
) -> Result<(), Failure> {
    loop {
        let line = line(stream, buffer).await?;
        let Some(captures) = expect.captures(&line) else { continue };
        if !send.is_empty() {
            let mut expanded = String::new();
            captures.expand(send, &mut expanded);
            *send = expanded;
        }
        for label in &step.labels {
            let mut value = String::new();
            captures.expand(&label.value, &mut value);
            trace.labels.retain(|(name, _)| *name != label.name);
            trace.labels.push((label.name.clone(), value));
        }
        return Ok(());
    }
}

async fn line(stream: &mut Box<dyn Duplex>, buffer: &mut Vec<u8>) -> Result<String, Failure> {
    loop {
        if let Some(end) = memchr::memchr(b'\n', buffer) {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
        }
        if buffer.len() > MAX_LINE {
            return Err(Failure::new(Reason::BodyLimit, "a line that does not end"));
        }
        if let Err(failure) = more(stream, buffer).await {
            // The last line may come without an end.
            if failure.reason == Reason::Closed && !buffer.is_empty() {
                return Ok(String::from_utf8_lossy(&std::mem::take(buffer)).into_owned());
            }
            let reason = if failure.reason == Reason::Closed { Reason::Expect } else { failure.reason };
            return Err(Failure::new(reason, failure.detail));
        }
    }
}

async fn more(stream: &mut Box<dyn Duplex>, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk).await {
        Ok(0) => Err(Failure::new(Reason::Closed, "closed before what was expected came")),
        Ok(read) => {
            buffer.extend_from_slice(&chunk[..read]);
            Ok(())
        }
        Err(error) => Err(Failure::io(&error)),
    }
}

async fn secure(
    probe: &Probe,
    options: &Tcp,
    stream: Box<dyn Duplex>,
    name: &str,
    trace: &mut Trace,
) -> Result<Box<dyn Duplex>, Failure> {
    trace.stage = Stage::Tls;
    let client = probe.module.tls.client(&options.tls_config, &probe.context.roots).await?;
    let (result, facts) = client.handshake(stream, name, &[]).await;
    trace.facts = Some(facts);
    Ok(Box::new(result?))
}

//! The dns prober.

use exporter_core::{Collector, Family, Page};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use super::dns_message::{Answer, class_number, parse, question, rcode_name, rcode_number, type_number};
use super::{ADDRESS, COMMON, Probe, put_address, within};
use crate::config::options::{Dns, RrValidator};
use crate::net::dial::{self, Stage, took};
use crate::net::http::Duplex;
use crate::net::url::split_port;
use crate::net::{Failure, Reason};

pub(crate) static DNS: Collector = Collector {
    name: "dns",
    enabled: true,
    families: &[
        COMMON[0],
        COMMON[1],
        COMMON[2],
        ADDRESS[0],
        ADDRESS[1],
        ADDRESS[2],
        PHASES.desc(),
        ANSWERS.desc(),
        AUTHORITIES.desc(),
        ADDITIONALS.desc(),
        QUERIED.desc(),
        SERIAL.desc(),
    ],
    dynamic: &[],
};

static PHASES: Family<1> =
    Family::gauge("probe_dns_duration_seconds", "How long each phase took, in seconds.", &["phase"]);
static ANSWERS: Family<0> = Family::gauge("probe_dns_answer_rrs", "Records in the answer section.", &[]);
static AUTHORITIES: Family<0> =
    Family::gauge("probe_dns_authority_rrs", "Records in the authority section.", &[]);
static ADDITIONALS: Family<0> =
    Family::gauge("probe_dns_additional_rrs", "Records in the additional section.", &[]);
static QUERIED: Family<0> =
    Family::gauge("probe_dns_query_succeeded", "Whether an answer came, whatever its code.", &[]);
static SERIAL: Family<0> = Family::gauge("probe_dns_serial", "Serial number of the zone.", &[]);

/// What can be said of a module before it is used.
pub(crate) fn check(options: &Dns) -> Result<(), String> {
    if !options.query_type.is_empty() && type_number(&options.query_type).is_none() {
        return Err(format!("query_type {:?} is not known", options.query_type));
    }
    if !options.query_class.is_empty() && class_number(&options.query_class).is_none() {
        return Err(format!("query_class {:?} is not known", options.query_class));
    }
    for rcode in &options.valid_rcodes {
        rcode_number(rcode).ok_or_else(|| format!("valid_rcodes: {rcode:?} is not known"))?;
    }
    if !matches!(options.transport_protocol.as_str(), "" | "udp" | "tcp") {
        return Err(format!("transport_protocol {:?} is neither udp nor tcp", options.transport_protocol));
    }
    if options.dns_over_tls && options.transport_protocol == "udp" {
        return Err("dns_over_tls needs tcp".to_owned());
    }
    let kind = if options.query_type.is_empty() { Some(255) } else { type_number(&options.query_type) };
    match question(0, &options.query_name, kind.unwrap_or(255), 1, true) {
        Some(_) => Ok(()),
        None => Err(format!("query_name {:?} is no name", options.query_name)),
    }
}

#[derive(Default)]
struct Trace {
    stage: Stage,
    lookup: Duration,
    connect: Duration,
    request: Duration,
    address: Option<IpAddr>,
    answer: Option<Answer>,
}

pub(super) async fn run(
    probe: &Probe,
    options: &Dns,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    let mut trace = Trace::default();
    let result = match within(begin, deadline, ask(probe, options, &mut trace)).await {
        Ok(Ok(())) => judge(options, trace.answer.as_ref()),
        Ok(Err(failure)) => Err(failure),
        Err(after) => Err(trace.stage.timeout(after)),
    };
    put_address(probe, page, trace.lookup, trace.address);
    for (phase, took) in [("connect", trace.connect), ("request", trace.request), ("resolve", trace.lookup)] {
        page.put(&PHASES, [&phase], took.as_secs_f64());
    }
    let empty = Answer::default();
    let answer = trace.answer.as_ref().unwrap_or(&empty);
    page.put(&ANSWERS, [], answer.answers.len());
    page.put(&AUTHORITIES, [], answer.authorities.len());
    page.put(&ADDITIONALS, [], answer.additionals.len());
    page.put(&QUERIED, [], trace.answer.is_some());
    if options.query_type.eq_ignore_ascii_case("SOA") {
        page.put(&SERIAL, [], answer.serial.unwrap_or(0));
    }
    result
}

async fn ask(probe: &Probe, options: &Dns, trace: &mut Trace) -> Result<(), Failure> {
    let target = probe.target.trim();
    let bad = || Failure::new(Reason::Resolve, format!("{target:?} is not HOST or HOST:PORT"));
    let (host, port) = split_port(target).ok_or_else(bad)?;
    let port = port.unwrap_or(if options.dns_over_tls { 853 } else { 53 });
    let begin = Instant::now();
    let result = dial::resolve(&probe.context.lookups, host, options.ip).await;
    trace.lookup = begin.elapsed();
    let address = SocketAddr::new(result?, port);
    trace.address = Some(address.ip());
    let kind = if options.query_type.is_empty() { Some(255) } else { type_number(&options.query_type) };
    let class = if options.query_class.is_empty() { Some(1) } else { class_number(&options.query_class) };
    let (Some(kind), Some(class)) = (kind, class) else { return Err(bad()) };
    let id = probe.context.next_number();
    let message = question(id, &options.query_name, kind, class, options.recursion_desired.unwrap_or(true));
    let message = message.ok_or_else(|| Failure::new(Reason::Config, "query_name is no name"))?;
    trace.stage = Stage::Connect;
    let begin = Instant::now();
    if options.dns_over_tls || options.transport_protocol == "tcp" {
        let tcp = dial::connect(&probe.context.policy, host, address, options.source_ip_address).await;
        took(&mut trace.connect, begin);
        let mut stream: Box<dyn Duplex> = Box::new(tcp?);
        if options.dns_over_tls {
            trace.stage = Stage::Tls;
            let client = probe.module.tls.client(&options.tls_config, &probe.context.roots).await?;
            let name = probe.hostname.as_deref().unwrap_or(host);
            stream = Box::new(client.handshake(stream, name, &[]).await.0?);
            took(&mut trace.connect, begin);
        }
        trace.stage = Stage::Response;
        let begin = Instant::now();
        let answer = over_tcp(stream, &message).await;
        took(&mut trace.request, begin);
        trace.answer = Some(answer?);
        return Ok(());
    }
    dial::admit(&probe.context.policy, host, address)?;
    let own = options.source_ip_address.unwrap_or(match address {
        SocketAddr::V4(_) => IpAddr::from([0; 4]),
        SocketAddr::V6(_) => IpAddr::from([0; 16]),
    });
    let socket = UdpSocket::bind(SocketAddr::new(own, 0)).await.map_err(|error| Failure::connect(&error))?;
    socket.connect(address).await.map_err(|error| Failure::connect(&error))?;
    took(&mut trace.connect, begin);
    trace.stage = Stage::Response;
    let begin = Instant::now();
    let answer = over_udp(&socket, &message, id).await;
    took(&mut trace.request, begin);
    trace.answer = Some(answer?);
    Ok(())
}

async fn over_udp(socket: &UdpSocket, message: &[u8], id: u16) -> Result<Answer, Failure> {
    // An unreachable port answers a datagram with "connection refused".
    socket.send(message).await.map_err(|error| Failure::connect(&error))?;
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(|error| Failure::connect(&error))?;
        match parse(&buffer[..length]) {
            Some(answer) if answer.id == id => return Ok(answer),
            // Somebody else's, or an answer that came too late for an earlier question.
            Some(_) => {}
            None => return Err(Failure::new(Reason::Protocol, "the answer is no DNS message")),
        }
    }
}

async fn over_tcp(mut stream: Box<dyn Duplex>, message: &[u8]) -> Result<Answer, Failure> {
    let failed = |error: std::io::Error| Failure::io(&error);
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes()[..], message].concat();
    stream.write_all(&framed).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(failed)?;
    parse(&buffer).ok_or_else(|| Failure::new(Reason::Protocol, "the answer is no DNS message"))
}

fn judge(options: &Dns, answer: Option<&Answer>) -> Result<(), Failure> {
    let Some(answer) = answer else { return Ok(()) };
    let valid = match options.valid_rcodes.as_slice() {
        [] => answer.rcode == 0,
        codes => codes.iter().any(|code| rcode_number(code) == Some(answer.rcode)),
    };
    if !valid {
        return Err(Failure::new(Reason::Rcode, format!("answered with {}", rcode_name(answer.rcode))));
    }
    for (section, records, rules) in [
        ("answer", &answer.answers, &options.validate_answer_rrs),
        ("authority", &answer.authorities, &options.validate_authority_rrs),
        ("additional", &answer.additionals, &options.validate_additional_rrs),
    ] {
        if !is_valid(records, rules) {
            return Err(Failure::new(Reason::Answer, format!("the {section} section is not as configured")));
        }
    }
    Ok(())
}

fn is_valid(records: &[String], rules: &RrValidator) -> bool {
    let all_match = |list: &[crate::config::values::Pattern]| {
        list.iter().all(|pattern| records.iter().all(|record| pattern.0.is_match(record)))
    };
    let any_matches = |list: &[crate::config::values::Pattern]| {
        list.iter().any(|pattern| records.iter().any(|record| pattern.0.is_match(record)))
    };
    if any_matches(&rules.fail_if_matches_regexp) {
        return false;
    }
    if !rules.fail_if_all_match_regexp.is_empty()
        && !records.is_empty()
        && all_match(&rules.fail_if_all_match_regexp)
    {
        return false;
    }
    if !rules.fail_if_not_matches_regexp.is_empty()
        && (records.is_empty() || !all_match(&rules.fail_if_not_matches_regexp))
    {
        return false;
    }
    rules.fail_if_none_matches_regexp.is_empty() || any_matches(&rules.fail_if_none_matches_regexp)
}

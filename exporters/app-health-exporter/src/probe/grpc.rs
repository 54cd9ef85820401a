//! The grpc prober: grpc.health.v1.Health/Check, by hand over HTTP/2. One field out, one field in.

use bytes::{BufMut as _, Bytes, BytesMut};
use exporter_core::{Collector, Family, Page};
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, TE, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{ADDRESS, COMMON, Probe, put_address, tls_facts, within};
use crate::config::options::{Grpc, MetadataValues};
use crate::net::dial::{self, Stage, took};
use crate::net::http::{Duplex, header, hyper_failure};
use crate::net::tls::TlsFacts;
use crate::net::url::Url;
use crate::net::{Failure, Reason};

pub(crate) static GRPC: Collector = Collector {
    name: "grpc",
    enabled: true,
    families: &[
        COMMON[0],
        COMMON[1],
        COMMON[2],
        ADDRESS[0],
        ADDRESS[1],
        ADDRESS[2],
        PHASES.desc(),
        SSL.desc(),
        STATUS.desc(),
        RESPONSE.desc(),
        tls_facts::FAMILIES[0],
        tls_facts::FAMILIES[2],
        tls_facts::FAMILIES[3],
    ],
    dynamic: &[],
};

static PHASES: Family<1> =
    Family::gauge("probe_grpc_duration_seconds", "How long each phase took, in seconds.", &["phase"]);
static SSL: Family<0> = Family::gauge("probe_grpc_ssl", "Whether the check went over TLS.", &[]);
static STATUS: Family<0> = Family::gauge("probe_grpc_status_code", "gRPC status of the check.", &[]);
static RESPONSE: Family<1> = Family::gauge(
    "probe_grpc_healthcheck_response",
    "1 for the state that the service reported.",
    &["serving_status"],
);

const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/// A health answer is a few bytes.
const MAX_ANSWER: usize = 64 * 1024;
const DEADLINE_EXCEEDED: u32 = 4;
const UNAVAILABLE: u32 = 14;

#[derive(Default)]
struct Trace {
    stage: Stage,
    lookup: Duration,
    check: Duration,
    address: Option<IpAddr>,
    facts: Option<TlsFacts>,
    is_tls: bool,
    status: u32,
    state: Option<usize>,
}

pub(super) async fn run(
    probe: &Probe,
    options: &Grpc,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    // Unavailable until somebody says otherwise.
    let mut trace = Trace { status: UNAVAILABLE, ..Trace::default() };
    let result = match within(begin, deadline, ask(probe, options, &mut trace)).await {
        Ok(result) => result,
        Err(after) => {
            trace.status = DEADLINE_EXCEEDED;
            Err(trace.stage.timeout(after))
        }
    };
    put_address(probe, page, trace.lookup, trace.address);
    page.put(&PHASES, [&"check"], trace.check.as_secs_f64());
    page.put(&PHASES, [&"resolve"], trace.lookup.as_secs_f64());
    page.put(&SSL, [], trace.is_tls);
    page.put(&STATUS, [], trace.status);
    for (at, state) in STATES.iter().enumerate() {
        page.put(&RESPONSE, [state], trace.state == Some(at));
    }
    if let Some(facts) = &trace.facts {
        tls_facts::note(probe, facts);
        tls_facts::put_without_chain(page, facts);
    }
    result
}

async fn ask(probe: &Probe, options: &Grpc, trace: &mut Trace) -> Result<(), Failure> {
    let url = Url::parse(&probe.target)?;
    let begin = Instant::now();
    let result = dial::resolve(&probe.context.lookups, &url.host, options.ip).await;
    trace.lookup = begin.elapsed();
    let address = result?;
    trace.address = Some(address);
    let begin = Instant::now();
    let result = check(probe, options, &url, SocketAddr::new(address, url.port), trace).await;
    took(&mut trace.check, begin);
    result
}

async fn check(
    probe: &Probe,
    options: &Grpc,
    url: &Url,
    address: SocketAddr,
    trace: &mut Trace,
) -> Result<(), Failure> {
    trace.stage = Stage::Connect;
    let tcp = dial::connect(&probe.context.policy, &url.host, address, None).await?;
    let mut stream: Box<dyn Duplex> = Box::new(tcp);
    if options.tls {
        trace.stage = Stage::Tls;
        let client = probe.module.tls.client(&options.tls_config, &probe.context.roots).await?;
        let name = probe.hostname.as_deref().unwrap_or(&url.host);
        let (result, facts) = client.handshake(stream, name, &["h2"]).await;
        trace.facts = Some(facts);
        stream = Box::new(result?);
        trace.is_tls = true;
    }
    trace.stage = Stage::Response;
    let failed = |error: hyper::Error| hyper_failure(&error, true);
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let exchange = async {
        let response = sender.send_request(request(probe, options, url)?).await.map_err(failed)?;
        read(response, trace).await
    };
    // The connection ends when the exchange is over, or the exchange with it.
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        result = &mut exchange => result,
        ended = &mut connection => match (ended, exchange.await) {
            (_, Ok(())) => Ok(()),
            (Err(error), Err(_)) => Err(hyper_failure(&error, true)),
            (Ok(()), Err(failure)) => Err(failure),
        },
    }
}

fn request(probe: &Probe, options: &Grpc, url: &Url) -> Result<Request<Full<Bytes>>, Failure> {
    let mut message = BytesMut::new();
    let service = options.service.as_bytes();
    let mut field = BytesMut::new();
    if !service.is_empty() {
        field.put_u8(0x0a);
        varint(service.len() as u64, &mut field);
        field.put_slice(service);
    }
    message.put_u8(0);
    message.put_u32(field.len() as u32);
    message.put_slice(&field);
    let scheme = if options.tls { "https" } else { "http" };
    let authority = probe.hostname.clone().unwrap_or_else(|| url.authority());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CONTENT_TYPE.as_str(), "application/grpc"),
        (TE.as_str(), "trailers"),
        (USER_AGENT.as_str(), concat!("app-health-exporter/", env!("CARGO_PKG_VERSION"))),
    ] {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    for (name, values) in &options.metadata {
        let values = match values {
            MetadataValues::One(value) => std::slice::from_ref(value),
            MetadataValues::Many(values) => values,
        };
        for value in values {
            let (name, value) = header(name, value)?;
            headers.append(name, value);
        }
    }
    let uri = format!("{scheme}://{authority}/grpc.health.v1.Health/Check");
    let bad = |error: hyper::http::Error| Failure::new(Reason::Config, format!("request: {error}"));
    let mut request = Request::post(uri).body(Full::new(message.freeze())).map_err(bad)?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn read(mut response: Response<hyper::body::Incoming>, trace: &mut Trace) -> Result<(), Failure> {
    trace.stage = Stage::Body;
    let http_status = response.status().as_u16();
    let mut status = grpc_status(response.headers());
    let mut body = Vec::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| hyper_failure(&error, true))?;
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(data);
            if body.len() > MAX_ANSWER {
                return Err(Failure::new(Reason::BodyLimit, "the answer does not end"));
            }
        }
        if let Some(trailers) = frame.trailers_ref() {
            status = grpc_status(trailers).or(status);
        }
    }
    // What HTTP says where gRPC says nothing; the table is gRPC's own.
    trace.status = status.unwrap_or(match http_status {
        200 => 2,
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => 2,
    });
    if trace.status != 0 {
        return Err(Failure::new(Reason::GrpcStatus, format!("gRPC status {}", trace.status)));
    }
    let state =
        state(&body).ok_or_else(|| Failure::new(Reason::Protocol, "the answer is no health answer"))?;
    trace.state = Some(state);
    if state == 1 { Ok(()) } else { Err(Failure::new(Reason::NotServing, STATES[state])) }
}

fn grpc_status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The serving state in a HealthCheckResponse, behind gRPC's five bytes.
fn state(body: &[u8]) -> Option<usize> {
    let message = match body {
        [0, a, b, c, d, rest @ ..] => rest.get(..u32::from_be_bytes([*a, *b, *c, *d]) as usize)?,
        _ => return None,
    };
    match message {
        [] => Some(0),
        [0x08, state, ..] => Some(usize::from(*state)).filter(|state| *state < STATES.len()),
        _ => None,
    }
}

fn varint(mut value: u64, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8((value as u8) | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_answers() {
        assert_eq!(state(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(state(&[0, 0, 0, 0, 0]), Some(0), "the default is left out on the wire");
        for bad in [&[][..], &[0, 0, 0, 0, 9, 8], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 2, 8, 77]] {
            assert_eq!(state(bad), None, "{bad:?}");
        }
    }
}

//! One HTTP call with redirects, proxies and compression, every phase timed. hyper is used at its lowest level: a pool or
//! a connector would hide the phases.

use bytes::Bytes;
use exporter_core::probe::TargetPolicy;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, PROXY_AUTHORIZATION, USER_AGENT,
};
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::body::{Body, Limits};
use super::dial::{self, Stage, took};
use super::proxy::Proxy;
use super::tls::{TlsCell, TlsFacts};
use super::url::Url;
use super::{Failure, Reason, auth};
use crate::config::client::ClientConfig;
use crate::config::masked::is_secret_header;
use crate::config::options::Ip;
use crate::context::Context;

/// Redirects that are followed at most, as in Go.
const MAX_REDIRECTS: u32 = 10;
/// A head larger than this is refused.
const MAX_HEAD: usize = 256 * 1024;
const AGENT: &str = concat!("app-health-exporter/", env!("CARGO_PKG_VERSION"));

/// What is asked, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) context: &'a Context,
    pub(crate) client: &'a ClientConfig,
    pub(crate) tls: &'a TlsCell,
    pub(crate) url: &'a Url,
    pub(crate) method: &'a Method,
    /// Set by the configuration; they replace our own.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    pub(crate) ip: Ip,
    /// Host header and server name instead of the URL's.
    pub(crate) hostname: Option<&'a str>,
    pub(crate) follow: bool,
    /// `gzip` or `deflate`: the answer must be packed so.
    pub(crate) compression: &'a str,
    pub(crate) limits: Limits,
    /// Whether the target is not resolved here but by the proxy.
    pub(crate) skip_resolve: bool,
    /// Addresses that a configuration file names need no leave.
    pub(crate) trusted: bool,
}

/// What is known so far; filled step by step, so that a deadline leaves what was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) stage: Stage,
    /// Of the first name only; `resolve` sums all.
    pub(crate) lookup: Duration,
    pub(crate) resolve: Duration,
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
    pub(crate) processing: Duration,
    pub(crate) transfer: Duration,
    pub(crate) address: Option<IpAddr>,
    pub(crate) is_tls: bool,
    pub(crate) facts: Option<TlsFacts>,
    pub(crate) redirects: u32,
    pub(crate) status: u16,
    pub(crate) version: Option<Version>,
    /// -1 where the answer does not say.
    pub(crate) content_length: i64,
    pub(crate) body_bytes: u64,
    pub(crate) headers: HeaderMap,
}

/// How a call ended that got an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// It was a redirect that was not followed.
    pub(crate) redirect_refused: bool,
    /// What went wrong while the body was read.
    pub(crate) body_failure: Option<Failure>,
}

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Ends a task with its value.
struct Guard(JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Makes the call.
pub(crate) async fn call(call: &Call<'_>, trace: &mut Trace) -> Result<Answer, Failure> {
    let mut url = call.url.clone();
    let mut method = call.method.clone();
    let mut body = call.body.clone();
    let credentials = if auth::reads_files(call.client) {
        let client = call.client.clone();
        let read = call.context.lookups.read(move || Ok(auth::headers(&client))).await;
        read.map_err(|error| Failure::new(Reason::Other, error.to_string()))??
    } else {
        auth::headers(call.client)?
    };
    loop {
        let first = trace.redirects == 0;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let same = url.is_same_origin(call.url);
        for (name, value) in credentials.iter().chain(call.headers) {
            // What was configured for one server is not shown to another one that it points to.
            if same || !(value.is_sensitive() || is_secret_header(name.as_str()) || name == HOST) {
                headers.insert(name.clone(), value.clone());
            }
        }
        if let Some(user) = &url.user
            && !headers.contains_key(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, auth::basic_header(user)?);
        }
        let hostname = call.hostname.filter(|_| first);
        let (response, guard) =
            exchange(call, &url, method.clone(), headers, body.clone(), hostname, trace).await?;
        if let Some(location) = redirect(&response) {
            trace.redirects += 1;
            if call.follow && trace.redirects <= MAX_REDIRECTS {
                let next = location.to_str().ok().and_then(|location| url.join(location).ok());
                let Some(next) = next else {
                    return Err(Failure::new(Reason::Redirect, "redirected to what is no URL"));
                };
                let keeps = matches!(response.status().as_u16(), 307 | 308);
                if !keeps && method != Method::HEAD {
                    method = Method::GET;
                }
                if !keeps {
                    body = Bytes::new();
                }
                drop((response, guard));
                url = next;
                continue;
            }
            return Ok(Answer { body: Vec::new(), redirect_refused: true, body_failure: None });
        }
        trace.stage = Stage::Body;
        let begin = Instant::now();
        let mut reader = Body::new(call.compression, call.limits);
        let result = read(response, &mut reader, &mut trace.body_bytes).await;
        took(&mut trace.transfer, begin);
        drop(guard);
        let (body, failure) = match result {
            Ok(()) => match reader.finish() {
                Ok((body, count)) => {
                    trace.body_bytes = count;
                    (body, None)
                }
                Err(failure) => (Vec::new(), Some(failure)),
            },
            Err(failure) => (Vec::new(), Some(failure)),
        };
        return Ok(Answer { body, redirect_refused: false, body_failure: failure });
    }
}

async fn read(mut response: Response<Incoming>, body: &mut Body, count: &mut u64) -> Result<(), Failure> {
    let is_h2 = response.version() == Version::HTTP_2;
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| hyper_failure(&error, is_h2))?;
        if let Some(data) = frame.data_ref() {
            let result = body.take(data);
            *count = body.len();
            result?;
        }
    }
    Ok(())
}

/// Where an answer leads, if it does.
fn redirect(response: &Response<Incoming>) -> Option<HeaderValue> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.headers().get(LOCATION).cloned()
}

async fn exchange(
    call: &Call<'_>,
    url: &Url,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
    hostname: Option<&str>,
    trace: &mut Trace,
) -> Result<(Response<Incoming>, Guard), Failure> {
    trace.status = 0;
    trace.headers = HeaderMap::new();
    trace.content_length = 0;
    trace.is_tls = url.tls;
    trace.facts = None;
    let proxy = Proxy::choose(call.client, url)?;
    let mut stream = open(call, url, proxy.as_ref(), trace).await?;
    let mut is_h2 = false;
    if url.tls {
        trace.stage = Stage::Tls;
        let begin = Instant::now();
        let client = call.tls.client(&call.client.tls_config, &call.context.roots).await?;
        let protocols: &[&str] = if call.client.enable_http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
        let host = hostname.map_or(url.host.as_str(), |name| name);
        let (result, facts) = client.handshake(stream, host, protocols).await;
        took(&mut trace.tls, begin);
        trace.facts = Some(facts);
        let secured = result?;
        is_h2 = secured.get_ref().1.alpn_protocol() == Some(b"h2");
        stream = Box::new(secured);
    }
    let authority = match (headers.remove(HOST), hostname) {
        (Some(host), _) => host.to_str().unwrap_or_default().to_owned(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => url.authority(),
    };
    let plain_proxy = proxy.as_ref().filter(|_| !url.tls);
    if let Some(value) = plain_proxy.map(Proxy::authorization).transpose()?.flatten() {
        headers.insert(PROXY_AUTHORIZATION, value);
    }
    let scheme = if url.tls { "https" } else { "http" };
    let target = match (is_h2, plain_proxy) {
        (true, _) => format!("{scheme}://{authority}{}", url.path),
        (false, Some(_)) => url.absolute(),
        (false, None) => url.path.clone(),
    };
    if !is_h2 {
        headers.insert(HOST, auth::plain(&authority)?);
    }
    let bad = |error: hyper::http::Error| Failure::new(Reason::Config, format!("request: {error}"));
    let mut request = Request::builder().method(method).uri(target).body(Full::new(body)).map_err(bad)?;
    *request.headers_mut() = headers;
    trace.stage = Stage::Response;
    let begin = Instant::now();
    let result = send(stream, is_h2, request).await;
    took(&mut trace.processing, begin);
    let (response, guard) = result?;
    trace.status = response.status().as_u16();
    trace.version = Some(response.version());
    trace.headers = response.headers().clone();
    let length =
        response.headers().get(hyper::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    trace.content_length = length.unwrap_or(-1);
    Ok((response, guard))
}

async fn send(
    stream: Box<dyn Duplex>,
    is_h2: bool,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, Guard), Failure> {
    let io = TokioIo::new(stream);
    let failed = |error: hyper::Error| hyper_failure(&error, is_h2);
    if is_h2 {
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(256 * 1024).initial_connection_window_size(256 * 1024);
        let (mut sender, connection) = builder.handshake(io).await.map_err(failed)?;
        let guard = Guard(tokio::spawn(async move {
            // Its error comes back through the request.
            let _ = connection.await;
        }));
        return Ok((sender.send_request(request).await.map_err(failed)?, guard));
    }
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(MAX_HEAD);
    let (mut sender, connection) = builder.handshake(io).await.map_err(failed)?;
    let guard = Guard(tokio::spawn(async move {
        let _ = connection.await;
    }));
    Ok((sender.send_request(request).await.map_err(failed)?, guard))
}

pub(crate) fn hyper_failure(error: &hyper::Error, is_h2: bool) -> Failure {
    use std::error::Error as _;
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && !is_h2
        {
            return Failure::io(io);
        }
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    let reason = if is_h2 {
        Reason::Http2Reset
    } else if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        Reason::Closed
    } else {
        Reason::Protocol
    };
    Failure::new(reason, text)
}

/// A connection to the target, or to the proxy that leads there.
async fn open(
    call: &Call<'_>,
    url: &Url,
    proxy: Option<&Proxy>,
    trace: &mut Trace,
) -> Result<Box<dyn Duplex>, Failure> {
    trace.stage = Stage::Resolve;
    let anything = TargetPolicy::default();
    let policy = if call.trusted { &anything } else { &*call.context.policy };
    let mut target = None;
    if proxy.is_none() || !call.skip_resolve {
        let begin = Instant::now();
        let result = dial::resolve(&call.context.lookups, &url.host, call.ip).await;
        if trace.redirects == 0 {
            trace.lookup = begin.elapsed();
        }
        took(&mut trace.resolve, begin);
        let address = result?;
        trace.address = Some(address);
        dial::admit(policy, &url.host, SocketAddr::new(address, url.port))?;
        target = Some(address);
    }
    let Some(proxy) = proxy else {
        let address = target.ok_or_else(|| Failure::new(Reason::Resolve, "no address"))?;
        trace.stage = Stage::Connect;
        let begin = Instant::now();
        let result = dial::connect(policy, &url.host, SocketAddr::new(address, url.port), None).await;
        took(&mut trace.connect, begin);
        return Ok(Box::new(result?));
    };
    let address = dial::resolve(&call.context.lookups, &proxy.url.host, call.ip).await?;
    trace.stage = Stage::Connect;
    let begin = Instant::now();
    let proxied = async {
        let address = SocketAddr::new(address, proxy.url.port);
        let stream = dial::connect(&anything, &proxy.url.host, address, None).await?;
        if url.tls { proxy.tunnel(stream, url, call.client).await } else { Ok(stream) }
    };
    let result = proxied.await;
    took(&mut trace.connect, begin);
    Ok(Box::new(result.map_err(|failure| Failure::new(Reason::Proxy, failure.to_string()))?))
}

/// A header of the configuration.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Failure::new(Reason::Config, format!("{name:?} is no header name")))?;
    Ok((name, auth::plain(value)?))
}

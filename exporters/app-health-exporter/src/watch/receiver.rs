//! `POST /heartbeat/<task>?code=&duration=`: beside the page, for who has the token; and, where the file says so, on an
//! address of its own, so that who may report is not who may scrape.

use bytes::Bytes;
use exporter_core::{
    Answer, CollectError, CollectFuture, Collector, Family, Route, RouteRequest, Scrape, Sink, Source,
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::heartbeat::{Heartbeats, Refusal};
use crate::clock;

pub(super) static RECEIVER: Collector =
    Collector { name: "heartbeat_receiver", enabled: true, families: &[LISTENING.desc()], dynamic: &[] };

static LISTENING: Family<0> =
    Family::gauge("app_heartbeat_receiver_up", "Whether heartbeats can be received.", &[]);

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 32;
const BIND_PATIENCE: Duration = Duration::from_secs(15);
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole connection; a job reports and goes.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) struct Receiver {
    listen: String,
    beats: Arc<Heartbeats>,
    /// The server; it ends with this value.
    task: JoinSet<()>,
}

impl Receiver {
    pub(super) fn new(listen: String, beats: Arc<Heartbeats>) -> Self {
        Self { listen, beats, task: JoinSet::new() }
    }
}

impl Source for Receiver {
    fn collect<'a>(&'a mut self, _: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            while self.task.try_join_next().is_some() {}
            if self.task.is_empty() {
                match bind(&self.listen).await {
                    Ok(listener) => {
                        tracing::info!(address = self.listen, "heartbeats are received");
                        self.task.spawn(serve(listener, self.beats.clone()));
                    }
                    Err(error) => {
                        sink.put(&LISTENING, [], 0_u8);
                        sink.commit();
                        let told = format!("heartbeat: cannot listen on {}: {error}", self.listen);
                        return Err(CollectError::failed(told));
                    }
                }
            }
            sink.put(&LISTENING, [], 1_u8);
            Ok(())
        })
    }
}

/// Waits for the one who has the address: before a reload that is this program, until its last scrape is answered.
async fn bind(address: &str) -> std::io::Result<TcpListener> {
    let end = Instant::now() + BIND_PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            bound => return bound,
        }
    }
}

/// The path beside the page.
pub(super) fn route(beats: Arc<Heartbeats>) -> Route {
    Route::post("/heartbeat/", move |request: RouteRequest| {
        let beats = beats.clone();
        async move {
            let token = request.bearer.as_ref().map(|token| token.expose().to_owned());
            let (status, text) = take(beats, request.rest, request.parameters.into_vec(), token).await;
            Answer::text(status.as_u16(), text)
        }
    })
}

async fn serve(listener: TcpListener, beats: Arc<Heartbeats>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, mostly: a pause lets others give some back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let beats = beats.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, beats.clone()));
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(16 * 1024);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            // A client that breaks off has said nothing.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(place);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    beats: Arc<Heartbeats>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = receive(&request, beats).await;
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}

async fn receive(request: &Request<Incoming>, beats: Arc<Heartbeats>) -> (StatusCode, &'static str) {
    let Some(task) = request.uri().path().strip_prefix("/heartbeat/").map(str::to_owned) else {
        return (StatusCode::NOT_FOUND, "POST /heartbeat/<task>?code=&duration=\n");
    };
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "only POST is answered here\n");
    }
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    take(beats, task, query, token).await
}

async fn take(
    beats: Arc<Heartbeats>,
    task: String,
    query: Vec<(String, String)>,
    token: Option<String>,
) -> (StatusCode, &'static str) {
    // It writes a file, and goes on when the client does not wait.
    let taken =
        tokio::task::spawn_blocking(move || beats.receive(&task, &query, token.as_deref(), clock::now()))
            .await;
    match taken {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        Ok(Err(Refusal::BadToken)) => (StatusCode::UNAUTHORIZED, "a valid bearer token is needed\n"),
        Ok(Err(Refusal::UnknownTask)) => (StatusCode::NOT_FOUND, "no such task in the configuration\n"),
        Ok(Err(Refusal::BadNumber)) => (StatusCode::BAD_REQUEST, "code and duration are numbers\n"),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not taken\n"),
    }
}

//! Calls to an engine. bollard knows how to ask; what may be asked, and what is kept of the answer, is decided here.
//!
//! bollard's own models hold a container's environment and command line, and it writes whole answers to its debug log. So
//! its transport is replaced: ours lets only known reading requests pass, and keeps the answer for our own structs before
//! bollard sees it.

use bollard::query_parameters::{
    DataUsageOptions, EventsOptions, InspectContainerOptions, ListContainersOptions, ListImagesOptions,
};
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use futures_core::Stream;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::api::{Df, ImageSummary, Info, Inspect, RawEvent, Summary, Version};
use super::transport::{Address, send};

/// For one call, connecting included.
const LIMIT: Duration = Duration::from_secs(10);
/// No answer that we ask for is larger on a sane host.
const MAX_BODY: usize = 16 << 20;
/// One event.
const MAX_EVENT: usize = 1 << 20;

/// Why a call has no result. Never quotes an answer's body: it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{path} answered {status}")]
    Status { path: &'static str, status: u16 },
    #[error("{0}: answer larger than {MAX_BODY} bytes")]
    TooLarge(&'static str),
    #[error("{path}: unexpected answer at line {line} column {column}")]
    Shape { path: &'static str, line: usize, column: usize },
    #[error("{0}: no answer within {LIMIT:?}")]
    Timeout(&'static str),
    #[error("{0}: the request could not be made")]
    Request(&'static str),
}

impl EngineError {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, EngineError::Status { status: 404, .. })
    }
}

/// An engine that can be asked, one call at a time.
pub(crate) struct Engine {
    docker: Docker,
    kept: Kept,
}

type Kept = Arc<Mutex<Option<Response<Incoming>>>>;

impl Engine {
    pub(crate) fn new(address: Address) -> Result<Self, EngineError> {
        let kept = Kept::default();
        let slot = kept.clone();
        let transport = move |request: BollardRequest| {
            let (address, slot) = (address.clone(), slot.clone());
            async move {
                let response = send(&address, request).await.map_err(bollard_error)?;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(response);
                // What bollard gets instead; the caller takes the answer from the slot.
                Err(bollard_error(EngineError::Request("kept")))
            }
        };
        let docker = Docker::connect_with_custom_transport(
            transport,
            Some("http://engine"),
            LIMIT.as_secs(),
            API_DEFAULT_VERSION,
        )
        .map_err(|_| EngineError::Request("client"))?;
        Ok(Self { docker, kept })
    }

    pub(crate) async fn ping(&mut self) -> Result<(), EngineError> {
        let docker = self.docker.clone();
        self.body("/_ping", async move { docker.ping().await.err() }).await.map(drop)
    }

    pub(crate) async fn version(&mut self) -> Result<Version, EngineError> {
        let docker = self.docker.clone();
        self.json("/version", async move { docker.version().await.err() }).await
    }

    pub(crate) async fn info(&mut self) -> Result<Info, EngineError> {
        let docker = self.docker.clone();
        self.json("/info", async move { docker.info().await.err() }).await
    }

    pub(crate) async fn list(&mut self) -> Result<Vec<Summary>, EngineError> {
        let docker = self.docker.clone();
        let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        self.json("/containers/json", async move { docker.list_containers(Some(options)).await.err() }).await
    }

    pub(crate) async fn inspect(&mut self, id: &str) -> Result<Inspect, EngineError> {
        let docker = self.docker.clone();
        let call = async move { docker.inspect_container(id, None::<InspectContainerOptions>).await.err() };
        self.json("/containers/ID/json", call).await
    }

    pub(crate) async fn images(&mut self) -> Result<Vec<ImageSummary>, EngineError> {
        let docker = self.docker.clone();
        self.json("/images/json", async move { docker.list_images(None::<ListImagesOptions>).await.err() })
            .await
    }

    /// Walks all layers and volumes: only for the slow loop, with its own patience.
    pub(crate) async fn disk_usage(&mut self, patience: Duration) -> Result<Df, EngineError> {
        let docker = self.docker.clone();
        let call = async move { docker.df(None::<DataUsageOptions>).await.err() };
        let bytes = self.bytes("/system/df", call, patience).await?;
        decode("/system/df", &bytes)
    }

    /// Events of these types from now on; from Docker only those that are of interest.
    pub(crate) async fn events(&mut self, podman: bool) -> Result<Events, EngineError> {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let mut filters = std::collections::HashMap::new();
        filters.insert("type".to_owned(), list(&["container", "image"]));
        if !podman {
            // A health check makes three events each time that nobody wants.
            let actions = [
                "create",
                "start",
                "die",
                "oom",
                "pause",
                "unpause",
                "rename",
                "update",
                "destroy",
                "health_status",
                "tag",
                "untag",
                "pull",
                "delete",
                "import",
                "load",
            ];
            filters.insert("event".to_owned(), list(&actions));
        }
        let docker = self.docker.clone();
        let call = async move {
            let options = EventsOptions { filters: Some(filters), ..EventsOptions::default() };
            let mut stream = pin!(docker.events(Some(options)));
            std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await.and_then(Result::err)
        };
        let response = self.response("/events", call, LIMIT).await?;
        Ok(Events { body: response.into_body(), buffer: Vec::new() })
    }

    async fn json<T: DeserializeOwned>(
        &mut self,
        path: &'static str,
        call: impl Future<Output = Option<bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        decode(path, &self.body(path, call).await?)
    }

    async fn body(
        &mut self,
        path: &'static str,
        call: impl Future<Output = Option<bollard::errors::Error>>,
    ) -> Result<Vec<u8>, EngineError> {
        self.bytes(path, call, LIMIT).await
    }

    async fn bytes(
        &mut self,
        path: &'static str,
        call: impl Future<Output = Option<bollard::errors::Error>>,
        limit: Duration,
    ) -> Result<Vec<u8>, EngineError> {
        let work = async {
            let mut body = self.response(path, call, limit).await?.into_body();
            let mut all = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                if all.len() + data.len() > MAX_BODY {
                    return Err(EngineError::TooLarge(path));
                }
                all.extend_from_slice(&data);
            }
            Ok(all)
        };
        tokio::time::timeout(limit, work).await.unwrap_or(Err(EngineError::Timeout(path)))
    }

    /// Lets bollard make the request, and takes the answer.
    async fn response(
        &mut self,
        path: &'static str,
        call: impl Future<Output = Option<bollard::errors::Error>>,
        limit: Duration,
    ) -> Result<Response<Incoming>, EngineError> {
        self.slot().take();
        let error = tokio::time::timeout(limit, call).await.map_err(|_| EngineError::Timeout(path))?;
        match (self.slot().take(), error) {
            (Some(response), _) if response.status().is_success() => Ok(response),
            (Some(response), _) => Err(EngineError::Status { path, status: response.status().as_u16() }),
            (None, Some(bollard::errors::Error::IOError { err })) => Err(EngineError::Io(err)),
            (None, _) => Err(EngineError::Request(path)),
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Response<Incoming>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of events.
pub(crate) struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event; `None` at the end of the stream. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<RawEvent>, EngineError> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return decode("/events", &line).map(Some);
            }
            if self.buffer.len() > MAX_EVENT {
                return Err(EngineError::TooLarge("/events"));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame?.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}

fn decode<T: DeserializeOwned>(path: &'static str, bytes: &[u8]) -> Result<T, EngineError> {
    // serde_json's own message may quote a value.
    serde_json::from_slice(bytes).map_err(|error| EngineError::Shape {
        path,
        line: error.line(),
        column: error.column(),
    })
}

fn bollard_error(error: EngineError) -> bollard::errors::Error {
    let err = match error {
        EngineError::Io(err) => err,
        other => std::io::Error::other(other.to_string()),
    };
    bollard::errors::Error::IOError { err }
}

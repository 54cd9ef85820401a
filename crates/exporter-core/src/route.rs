//! Paths of an exporter's own beside its page: targets it finds, heartbeats it is told.
//!
//! A route belongs to a source's specification ([`crate::SourceSpec::with_route`]), so that both can share what one of
//! them learns. The server does the rest: TLS and passwords, the method, a deadline, and a bound for how many ask at once.

use hyper::Method;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::probe::{Parameters, parameter};
use crate::secret::Secret;

/// Requests of one route under way at once; further ones wait their turn, within their deadline.
const MAX_REQUESTS: usize = 16;

type Handle = dyn Fn(RouteRequest) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;

/// A path and who answers there.
#[derive(Clone)]
pub struct Route {
    /// Where it is asked: beside the page, `/redis/main/discover` beside `/redis/main/metrics`. One that ends in `/` is
    /// for all below it.
    pub path: &'static str,
    pub(crate) method: Method,
    pub(crate) handle: Arc<Handle>,
    pub(crate) places: Arc<Semaphore>,
}

/// What the handler of a route gets. A body is not read.
#[derive(Debug)]
pub struct RouteRequest {
    /// What follows a path that ends in `/`, percent-decoded; else empty.
    pub rest: String,
    /// The pairs of the query, percent-decoded.
    pub parameters: Box<Parameters>,
    /// The address the request came in by, as its client wrote it.
    pub host: Option<String>,
    /// `Authorization: Bearer ...`
    pub bearer: Option<Secret>,
}

impl RouteRequest {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.parameters, name)
    }
}

/// What it answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Answer {
    /// A line of text, with a status like 404.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    /// JSON, with status 200.
    pub fn json(body: impl Into<String>) -> Self {
        Self { status: 200, content_type: "application/json", body: body.into() }
    }
}

impl Route {
    /// Answers GET and HEAD.
    pub fn get<F: Future<Output = Answer> + Send + 'static>(
        path: &'static str,
        handle: impl Fn(RouteRequest) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::GET, path, handle)
    }

    /// Answers POST. A client that goes away ends the handler: what must be finished is a task of its own.
    pub fn post<F: Future<Output = Answer> + Send + 'static>(
        path: &'static str,
        handle: impl Fn(RouteRequest) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::POST, path, handle)
    }

    fn new<F: Future<Output = Answer> + Send + 'static>(
        method: Method,
        path: &'static str,
        handle: impl Fn(RouteRequest) -> F + Send + Sync + 'static,
    ) -> Self {
        let handle: Arc<Handle> = Arc::new(move |request| Box::pin(handle(request)));
        Self { path, method, handle, places: Arc::new(Semaphore::new(MAX_REQUESTS)) }
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        *method == self.method || self.method == Method::GET && *method == Method::HEAD
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

//! Which path gets which answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{App, HttpResponse, landing, own_route, sd};
use crate::exporter::ConfigError;

const RELOAD: &str = "/-/reload";
const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

impl App {
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> HttpResponse {
        if request.uri().path() == RELOAD {
            return self.answer_reload(request.method()).await;
        }
        let own = self.route(request.uri().path());
        let head_only = request.method() == Method::HEAD;
        if own.is_none() && !head_only && request.method() != Method::GET {
            let mut response =
                text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = match own {
            Some((route, rest)) => own_route::answer(&route, rest, &request).await,
            None => self.get(&request).await,
        };
        if head_only {
            let length = response.body().size_hint().lower();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            *response.body_mut() = Full::default();
        }
        response
    }

    async fn answer_reload(self: Arc<Self>, method: &Method) -> HttpResponse {
        if method != Method::POST && method != Method::PUT {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "reload by POST\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, PUT"));
            return response;
        }
        if !self.lifecycle {
            let cure = "reload is off; switch it on by --web.enable-lifecycle, or send SIGHUP\n";
            return text(StatusCode::FORBIDDEN, cure.to_owned());
        }
        // A task of its own: a client that goes away does not leave it half done.
        let reload = tokio::spawn(self.reload()).await;
        match reload.unwrap_or_else(|error| Err(ConfigError::new(error.to_string()))) {
            Ok(()) => text(StatusCode::OK, "configuration loaded\n".to_owned()),
            Err(error) => {
                text(StatusCode::INTERNAL_SERVER_ERROR, format!("configuration not loaded: {error}\n"))
            }
        }
    }

    async fn get(&self, request: &Request<Incoming>) -> HttpResponse {
        let path = request.uri().path();
        for instance in self.instances().iter() {
            if instance.path == path {
                return self.metrics(Some(instance), request).await;
            }
            if let Some(probes) = instance.probes.iter().find(|probes| instance.probe_path(probes) == path) {
                return self.probe(instance, probes, request).await;
            }
        }
        if self.own_path.as_deref() == Some(path) {
            return self.metrics(None, request).await;
        }
        match path {
            "/" => page(landing::page(self)),
            "/sd" => {
                let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
                json(sd::targets(self, host.unwrap_or("localhost")))
            }
            "/-/healthy" => text(StatusCode::OK, "healthy\n".to_owned()),
            "/-/ready" if self.ready.load(Ordering::Relaxed) => text(StatusCode::OK, "ready\n".to_owned()),
            "/-/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            _ => text(StatusCode::NOT_FOUND, "nothing here; / lists what is served\n".to_owned()),
        }
    }
}

/// The answer on a connection whose port was closed by a reload.
pub(crate) fn closed() -> HttpResponse {
    let mut response = text(StatusCode::NOT_FOUND, "nothing is served on this port any more\n".to_owned());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

pub(crate) fn text(status: StatusCode, body: String) -> HttpResponse {
    respond(status, PLAIN, body)
}

fn page(body: String) -> HttpResponse {
    respond(StatusCode::OK, HTML, body)
}

fn json(body: String) -> HttpResponse {
    respond(StatusCode::OK, "application/json", body)
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> HttpResponse {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

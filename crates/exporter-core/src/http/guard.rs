//! What stands before every answer: TLS, rate limit, passwords, and the headers that go with it. As the web
//! configuration says; without one, nothing.

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Request, StatusCode};
use std::io;
use std::sync::Arc;

use super::route::text;
use super::stream::Stream;
use super::view::View;
use super::web_config::{Verdict, WebConfig};
use super::{App, HttpResponse};

/// What a client gets that does not speak TLS where it must, as Go answers it.
#[cfg(feature = "tls")]
const PLAIN_ON_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 31\r\nconnection: close\r\n\r\nthis port speaks TLS: use https\n";

#[cfg(feature = "tls")]
const TLS_BUFFER: usize = 16 * 1024;

/// The stream, within TLS if that is on. `first` is its first byte.
#[cfg(feature = "tls")]
pub(crate) async fn secured(app: &App, mut stream: Stream, first: u8) -> io::Result<Option<Stream>> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let Some(web) = &app.web else { return Ok(Some(stream)) };
    let Some(tls) = web.current(app).await.tls.clone() else { return Ok(Some(stream)) };
    if first.is_ascii_uppercase() {
        // Unread bytes would make the kernel reset the connection, and the answer be lost.
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(PLAIN_ON_TLS).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    let mut stream = tokio_rustls::TlsAcceptor::from(tls).accept(stream).await?;
    // A client that does not read holds no more than this beside the page.
    stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    Ok(Some(Stream::Tls(Box::new(stream))))
}

/// The stream as it is.
#[cfg(not(feature = "tls"))]
pub(crate) async fn secured(_: &App, stream: Stream, _: u8) -> io::Result<Option<Stream>> {
    Ok(Some(stream))
}

pub(crate) async fn answer(app: Arc<App>, view: &View, request: Request<Incoming>) -> HttpResponse {
    let config = match &app.web {
        Some(web) => web.current(&app).await,
        None => return app.answer(view, request).await,
    };
    let mut response = match refusal(&app, &config, &request).await {
        Some(response) => response,
        None => app.answer(view, request).await,
    };
    for (name, value) in &config.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

async fn refusal(app: &App, config: &WebConfig, request: &Request<Incoming>) -> Option<HttpResponse> {
    if config.rate_limit.as_ref().is_some_and(|limit| !limit.allow()) {
        app.own.refused("rate_limit");
        return Some(text(StatusCode::TOO_MANY_REQUESTS, "too many requests\n".to_owned()));
    }
    let users = config.users.as_ref()?;
    match users.verdict(request.headers().get(AUTHORIZATION)).await {
        Verdict::Known => None,
        Verdict::Wrong => {
            app.own.refused("password");
            let mut response = text(StatusCode::UNAUTHORIZED, "user and password, please\n".to_owned());
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
            Some(response)
        }
        Verdict::Busy => {
            app.own.refused("password_queue");
            let body = "too many passwords are being checked\n".to_owned();
            let mut response = text(StatusCode::SERVICE_UNAVAILABLE, body);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            Some(response)
        }
    }
}

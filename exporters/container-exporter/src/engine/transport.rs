//! The way to an engine: only known reading requests pass.

use bollard::BollardRequest;
use bytes::Bytes;
use hyper::Response;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use tokio::net::{TcpStream, UnixStream};

use super::client::EngineError;

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(String),
}

impl Address {
    /// `unix:///path`, a bare path, or `tcp://HOST:PORT`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text)) {
            return path.starts_with('/').then(|| Address::Unix(PathBuf::from(path)));
        }
        let host =
            text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://"))?.trim_end_matches('/');
        host.contains(':').then(|| Address::Tcp(host.to_owned()))
    }
}

/// One request on a connection of its own: a local socket costs next to nothing, and no state outlives a call.
pub(super) async fn send(
    address: &Address,
    request: BollardRequest,
) -> Result<Response<Incoming>, EngineError> {
    let path = request.uri().path().to_owned();
    if request.method() != hyper::Method::GET || !is_allowed(&path) {
        return Err(std::io::Error::other("this request is not on the list of allowed ones").into());
    }
    // None of them has a body.
    let (parts, _) = request.into_parts();
    let mut request = hyper::Request::new(http_body_util::Full::<Bytes>::default());
    *request.method_mut() = parts.method;
    *request.headers_mut() = parts.headers;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse().map_err(|_| EngineError::Request("target"))?;
    request.headers_mut().insert(hyper::header::HOST, hyper::header::HeaderValue::from_static("engine"));
    match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|error| named(&path.display().to_string(), &error))?;
            exchange(stream, request).await
        }
        Address::Tcp(host) => {
            let stream = TcpStream::connect(host).await.map_err(|error| named(host, &error))?;
            exchange(stream, request).await
        }
    }
}

fn named(what: &str, error: &std::io::Error) -> std::io::Error {
    let cure = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; give this user access, or run `meta` as one that has it",
        std::io::ErrorKind::NotFound => "; is the engine installed, and its socket mounted?",
        _ => "",
    };
    std::io::Error::new(error.kind(), format!("{what}: {error}{cure}"))
}

async fn exchange<S>(
    stream: S,
    request: hyper::Request<http_body_util::Full<Bytes>>,
) -> Result<Response<Incoming>, EngineError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer's body, or when the answer is dropped.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender.send_request(request).await?)
}

/// Reading what has no secrets that we would not skip; nothing else leaves this process.
fn is_allowed(path: &str) -> bool {
    let path = match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, _)) if version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            &path[version.len() + 2..]
        }
        _ => path,
    };
    match path {
        "/_ping" | "/version" | "/info" | "/containers/json" | "/events" | "/system/df" | "/images/json" => {
            true
        }
        _ => {
            path.strip_prefix("/containers/").and_then(|rest| rest.strip_suffix("/json")).is_some_and(|id| {
                !id.is_empty()
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
                    && id != ".."
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_requests_pass() {
        for good in [
            "/_ping",
            "/v1.41/info",
            "/containers/json",
            "/containers/abc-1/json",
            "/v1.53/containers/a/json",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "/",
            "/containers/a/logs",
            "/containers/a/archive",
            "/containers/a/export",
            "/containers/../json",
            "/v1.41",
            "/exec/a/json",
            "/containers/a/b/json",
            "/secrets",
            "/containers/a%2fb/json",
            "/swarm",
            "/containers//json",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(Address::parse("unix:///run/x.sock"), Some(Address::Unix("/run/x.sock".into())));
        assert_eq!(Address::parse("/run/x.sock"), Some(Address::Unix("/run/x.sock".into())));
        assert_eq!(Address::parse("tcp://h:2375"), Some(Address::Tcp("h:2375".into())));
        for bad in ["", "x", "unix://x", "tcp://h", "https://h:1"] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }
}

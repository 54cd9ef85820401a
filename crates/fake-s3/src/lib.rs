//! Tests only: an S3 server in memory.
//!
//! Real servers are the peers that counts are compared with; none of them throttles, stalls or lies, and that is what this one
//! is for. It does not check signatures, but tells which access key signed.
#![forbid(unsafe_code)]

mod answer;
mod body;
mod fault;
mod list;
mod store;

pub use fault::{Fault, When};
pub use list::time;
pub use store::{Bucket, Content, Object, Upload};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use body::Body;

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct FakeS3 {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _stop: oneshot::Sender<()>,
}

/// Everything it holds, and how it misbehaves.
#[derive(Debug, Default)]
pub struct State {
    /// By name.
    pub buckets: BTreeMap<String, Bucket>,
    /// What goes wrong, the first that fits.
    pub faults: Vec<(When, Fault)>,
    /// Each page of a list waits so long.
    pub delay: Duration,
    /// Requests that came, as `ListObjectsV2 bucket prefix`.
    pub requests: Vec<String>,
    /// Access keys that signed, the last one last; empty for nobody.
    pub signers: Vec<String>,
    /// Requests that were under way at the same time, at most.
    pub most_at_once: usize,
    at_once: usize,
    versions: u64,
}

impl FakeS3 {
    /// A server on a free port of the loopback interface.
    ///
    /// # Errors
    /// Where no port or thread is to be had.
    pub fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = state.clone();
        std::thread::Builder::new().name("fake-s3".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { address, state, _stop: stop })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds and does.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object, in a bucket that is made if it is not there; `modified` in seconds since 1970.
    pub fn put(&self, bucket: &str, key: &str, bytes: u64, modified: f64) {
        let object = Object::new(Content::Size(bytes), modified);
        self.state().put(bucket, key, object);
    }

    /// Misbehaves from now on, at every request.
    pub fn fail(&self, fault: Fault) {
        self.state().faults = vec![(When::default(), fault)];
    }

    /// Behaves.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// How many requests of an operation came; of all with an empty name.
    pub fn count(&self, operation: &str) -> usize {
        let state = self.state();
        state
            .requests
            .iter()
            .filter(|request| request.split(' ').next() == Some(operation) || operation.is_empty())
            .count()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Lists are answered in several writes; waiting for more would cost 40 ms each.
        let _ = stream.set_nodelay(true);
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| serve(state.clone(), request));
            // A client that goes away is no concern of ours.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn serve(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let (response, delay) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        answer::answer(&mut state, &parts, body)
    };
    let response = match response {
        Some(response) => {
            tokio::time::sleep(delay).await;
            response
        }
        // Accepts, and never answers.
        None => std::future::pending().await,
    };
    state.lock().unwrap_or_else(PoisonError::into_inner).at_once -= 1;
    Ok(response)
}

//! Accepting connections until told to stop.

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connections::Place;
use super::io::{Timed, Timeouts};
use super::listen::Listener;
use super::ports::Owner;
use super::stream::Stream;
use super::{App, guard, route};

/// Time between requests on a connection: above any usual scrape interval, or each scrape would have to connect anew.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(10),
    write: Duration::from_secs(10),
    answer: Duration::from_secs(60),
};
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Time for requests under way when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Serves `app` on all `listeners` until `shutdown`, then finishes what is under way, for at most five seconds.
pub async fn serve<L: Into<Listener>>(app: Arc<App>, listeners: Vec<L>, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(false);
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept(listener.into(), None, app.clone(), stopping.clone())))
        .collect();
    app.serve_ports(stopping).await;
    app.instances().iter().for_each(|instance| instance.registry.start());
    app.ready.store(true, Ordering::Relaxed);
    shutdown.await;
    app.ready.store(false, Ordering::Relaxed);
    for task in accepting {
        task.abort();
        // Its listener is closed, and a socket's file removed, when it has ended.
        let _ = task.await;
    }
    let _ = stop.send(true);
    // A reload may be at them, and wait for a name server.
    if let Ok(mut ports) = timeout(GRACE, app.ports.lock()).await {
        ports.close().await;
    }
    // Each connection holds a receiver.
    if timeout(GRACE, stop.closed()).await.is_err() {
        tracing::warn!("requests still under way are cut off");
    }
}

/// Accepts connections for ever, those of an instance's own port for it.
pub(super) async fn accept(
    listener: Listener,
    owner: Option<Owner>,
    app: Arc<App>,
    stopping: watch::Receiver<bool>,
) {
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                // Mostly no file descriptors left.
                tracing::warn!(%error, "cannot accept a connection; the longest idle one is closed");
                app.own.evicted(app.connections.evict());
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (place, evicted) = app.connections.place();
        app.own.evicted(evicted);
        let (id, stopping) = (place.id, stopping.clone());
        let task = tokio::spawn(connection(app.clone(), stream, owner.clone(), place, stopping));
        app.connections.serves(id, task.abort_handle());
        // Who has come is heard before the next one comes, or a flood would push everybody out unheard.
        tokio::task::yield_now().await;
    }
}

async fn connection(
    app: Arc<App>,
    stream: Stream,
    owner: Option<Owner>,
    place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    let stream = tokio::select! {
        stream = open(&app, stream) => stream,
        _ = stopping.changed() => return,
    };
    match stream {
        Ok(Some(stream)) => speak(app, stream, owner, place, stopping).await,
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "connection not opened"),
    }
}

/// Waits for the first byte, then for TLS where that is on.
async fn open(app: &App, stream: Stream) -> io::Result<Option<Stream>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "silent");
    let Some(byte) = timeout(IDLE_TIMEOUT, stream.first_byte()).await.map_err(late)?? else {
        return Ok(None);
    };
    timeout(TIMEOUTS.head, guard::secured(app, stream, byte)).await.map_err(late)?
}

async fn speak(
    app: Arc<App>,
    stream: Stream,
    owner: Option<Owner>,
    place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    let stream = Timed::new(stream, place.reading(), TIMEOUTS);
    let service = service_fn(|request| {
        let (app, busy) = (app.clone(), place.request());
        let request = match &owner {
            Some(owner) => owner.shared(&app, request),
            None => Some(request),
        };
        async move {
            let response = match request {
                Some(request) => guard::answer(app, request).await,
                None => route::closed(),
            };
            drop(busy);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        // Without a timer hyper does not heed its own header timeout.
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

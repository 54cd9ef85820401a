//! Accepting connections until told to stop.

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::App;
use super::io::WriteTimeout;

/// Connections at once; further ones wait in the listen queue.
const MAX_CONNECTIONS: usize = 256;
/// Time for a request's head, and so also for the next request on an idle connection: above any usual scrape interval,
/// or each scrape would have to connect anew.
const HEADER_TIMEOUT: Duration = Duration::from_secs(90);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Time for requests under way when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Serves `app` on all `listeners` until `shutdown`, then finishes what is under way, for at most five seconds.
pub async fn serve(app: Arc<App>, listeners: Vec<TcpListener>, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (sender, mut connections) = tokio::sync::mpsc::channel(1);
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept(listener, places.clone(), sender.clone())))
        .collect();
    drop(sender);
    app.instances().iter().for_each(|instance| instance.registry.start());
    app.ready.store(true, Ordering::Relaxed);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some((stream, place)) = connections.recv() => {
                let connection = graceful.watch(connection(app.clone(), stream));
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "connection ended");
                    }
                    drop(place);
                });
            }
        }
    }
    app.ready.store(false, Ordering::Relaxed);
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    drop(connections);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still under way are cut off");
    }
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: TcpListener, places: Arc<Semaphore>, to: tokio::sync::mpsc::Sender<Accepted>) {
    while let Ok(place) = places.clone().acquire_owned().await {
        let accepted = match listener.accept().await {
            Ok((stream, _)) => to.send((stream, place)).await,
            Err(error) => {
                // Mostly no file descriptors left: wait until some connection has ended.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if accepted.is_err() {
            return;
        }
    }
}

fn connection(app: Arc<App>, stream: TcpStream) -> impl GracefulConnection<Error = hyper::Error> {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    http1::Builder::new()
        // Without a timer hyper does not heed its own header timeout.
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, WRITE_TIMEOUT)), service)
}

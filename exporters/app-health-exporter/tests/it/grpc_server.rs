//! A gRPC health service, over hyper's own HTTP/2 server.

use exporter_testkit::Result;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) struct GrpcServer {
    pub(crate) address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl GrpcServer {
    /// Answers with this state (1 is SERVING) and gRPC status.
    pub(crate) fn start(state: u8, status: &'static str) -> Result<GrpcServer> {
        let (end, ended) = oneshot::channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let thread = std::thread::spawn(move || {
            let runtime = crate::support::runtime();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = serve(listener, state, status) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(GrpcServer { address, end: Some(end), thread: Some(thread) })
    }
}

async fn serve(listener: TcpListener, state: u8, status: &'static str) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper::service::service_fn(move |request: Request<Incoming>| async move {
            let _ = request.into_body().collect().await;
            let mut trailers = hyper::HeaderMap::new();
            trailers.insert("grpc-status", hyper::header::HeaderValue::from_static(status));
            let mut frames = Vec::new();
            if status == "0" {
                frames.push(Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![
                    0, 0, 0, 0, 2, 8, state,
                ]))));
            }
            frames.push(Ok(Frame::trailers(trailers)));
            let body = Frames(frames.into_iter());
            Ok::<_, std::convert::Infallible>(
                Response::builder()
                    .header("content-type", "application/grpc")
                    .body(body)
                    .expect("a response"),
            )
        });
        tokio::spawn(async move {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Next = std::result::Result<Frame<Bytes>, std::convert::Infallible>;

struct Frames(std::vec::IntoIter<Next>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Next>> {
        std::task::Poll::Ready(self.0.next())
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

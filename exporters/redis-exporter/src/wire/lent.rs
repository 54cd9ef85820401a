//! A stream that is lent: the library logs in over it and would keep it, with a task and a buffer of its own.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

pub(crate) struct Lent(Arc<Mutex<Box<dyn Stream>>>);

/// What is kept of a stream while it is lent.
pub(crate) struct Lender(Arc<Mutex<Box<dyn Stream>>>);

impl Lent {
    pub(crate) fn new(stream: Box<dyn Stream>) -> (Self, Lender) {
        let shared = Arc::new(Mutex::new(stream));
        (Self(shared.clone()), Lender(shared))
    }

    fn stream(&self) -> MutexGuard<'_, Box<dyn Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lender {
    /// The stream, if who had it has dropped it.
    pub(crate) fn back(self) -> Option<Box<dyn Stream>> {
        let shared = Arc::into_inner(self.0)?;
        Some(shared.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(context, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(context, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(context)
    }
}

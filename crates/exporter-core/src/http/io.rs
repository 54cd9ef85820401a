//! A connection whose reads and writes have deadlines: a client that stops half-way is let go.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::connections::Reading;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// From the first byte of a request's head to its last.
    pub(crate) head: Duration,
    /// For the next piece of an answer.
    pub(crate) write: Duration,
    /// For a whole answer, however slowly it makes progress.
    pub(crate) answer: Duration,
}

/// Wraps a stream.
#[derive(Debug)]
pub(crate) struct Timed<S> {
    stream: S,
    reading: Reading,
    timeouts: Timeouts,
    sleep: Pin<Box<Sleep>>,
    waiting: bool,
    /// When the head began that is being read, and how many requests there had been.
    head: Option<(Instant, u32)>,
    /// When the answer first had to wait, and to which request it is.
    answer: Option<(Instant, u32)>,
}

impl<S> Timed<S> {
    pub(crate) fn new(stream: S, reading: Reading, timeouts: Timeouts) -> Self {
        let sleep = Box::pin(sleep(timeouts.head));
        Self { stream, reading, timeouts, sleep, waiting: false, head: None, answer: None }
    }

    fn wait_to_write<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            if self.waiting {
                self.waiting = false;
                self.reading.stalled(false);
            }
            return poll;
        }
        if !self.waiting {
            self.waiting = true;
            self.reading.stalled(true);
            let (now, request) = (Instant::now(), self.reading.activity().requests());
            let began = match self.answer {
                Some((began, same)) if same == request => began,
                _ => self.answer.insert((now, request)).0,
            };
            self.sleep.as_mut().reset((now + self.timeouts.write).min(began + self.timeouts.answer));
        }
        ready!(self.sleep.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }

    /// Hyper's own timer heeds the time between requests only; here a head that has begun must end.
    fn wait_to_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.head {
            Some((began, requests)) if requests == self.reading.activity().requests() => {
                self.sleep.as_mut().reset(began + self.timeouts.head);
                ready!(self.sleep.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped sending")))
            }
            _ => {
                self.head = None;
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if poll.is_pending() {
            // While an answer waits to be written, the one timer is its own.
            return if self.waiting { poll } else { self.wait_to_read(context) };
        }
        let requests = self.reading.activity().requests();
        if buffer.filled().len() > before && self.head.is_none_or(|(_, seen)| seen != requests) {
            self.head = Some((Instant::now(), requests));
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.wait_to_write(context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.wait_to_write(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.wait_to_write(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.wait_to_write(context, poll)
    }
}

//! Bodies, whole and half.

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body.
#[derive(Debug)]
pub(crate) struct Body {
    data: Option<Bytes>,
    /// What is promised.
    length: u64,
    /// Whether the rest never comes.
    stalls: bool,
}

impl Body {
    pub(crate) fn whole(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        Self { length: data.len() as u64, data: Some(data), stalls: false }
    }

    pub(crate) fn half(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        Self { length: data.len() as u64, data: Some(data.slice(..data.len() / 2)), stalls: true }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let own = self.get_mut();
        match own.data.take().filter(|data| !data.is_empty()) {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None if own.stalls => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.stalls && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.data.is_some() { self.length } else { 0 })
    }
}

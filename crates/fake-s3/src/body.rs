//! Bodies, whole and half.

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body.
#[derive(Debug)]
pub(crate) struct Body {
    data: Option<Bytes>,
    /// What is promised.
    length: u64,
    then: Then,
}

/// What comes behind the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    End,
    /// The rest never comes.
    Silence,
    /// The connection is closed.
    Close,
}

impl Body {
    pub(crate) fn whole(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        Self { length: data.len() as u64, data: Some(data), then: Then::End }
    }

    pub(crate) fn half(data: impl Into<Bytes>, then: Then) -> Self {
        let data = data.into();
        Self { length: data.len() as u64, data: Some(data.slice(..data.len() / 2)), then }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let own = self.get_mut();
        match own.data.take().filter(|data| !data.is_empty()) {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => match own.then {
                Then::End => Poll::Ready(None),
                Then::Silence => Poll::Pending,
                Then::Close => Poll::Ready(Some(Err(Error::from(ErrorKind::ConnectionAborted)))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.then == Then::End && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.data.is_some() { self.length } else { 0 })
    }
}

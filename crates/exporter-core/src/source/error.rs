//! Why a collector has nothing to show.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why a collector has nothing to show. It costs that collector's series only.
///
/// Like `anyhow::Error` it takes every error by `?`, and so is not one itself.
#[derive(Debug)]
pub enum CollectError {
    /// The hardware, kernel part or feature is absent. The peers call this failure too (`success 0`), but nobody needs
    /// to be told.
    NoData(Cow<'static, str>),
    /// Something went wrong.
    Failed(Box<dyn Error + Send + Sync>),
}

impl CollectError {
    /// Absent, with what is.
    pub fn no_data(what: impl Into<Cow<'static, str>>) -> Self {
        CollectError::NoData(what.into())
    }

    /// A failure that is told in words. They name the object and the cure, never a secret.
    pub fn failed(message: impl Into<String>) -> Self {
        CollectError::Failed(message.into().into())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for CollectError {
    fn from(error: E) -> Self {
        CollectError::Failed(Box::new(error))
    }
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CollectError::NoData(what) => write!(f, "no data: {what}"),
            CollectError::Failed(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}

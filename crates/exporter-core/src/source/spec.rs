//! How the registry gets a source: what it fills, and how it is made, again and again if need be.

use std::fmt;
use std::sync::Arc;

use super::{BlockingSource, Collector, Source};
use crate::exporter::ConfigError;

/// A source of either kind.
pub enum BoxedSource {
    /// Asked over a connection.
    Async(Box<dyn Source>),
    /// Read by calls that may block.
    Blocking(Box<dyn BlockingSource>),
}

impl BoxedSource {
    /// A source that is asked over a connection.
    pub fn new(source: impl Source) -> Self {
        BoxedSource::Async(Box::new(source))
    }

    /// A source that is read by calls that may block.
    pub fn blocking(source: impl BlockingSource) -> Self {
        BoxedSource::Blocking(Box::new(source))
    }
}

impl fmt::Debug for BoxedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BoxedSource::Async(_) => "Async",
            BoxedSource::Blocking(_) => "Blocking",
        })
    }
}

type Make = dyn Fn() -> Result<BoxedSource, ConfigError> + Send + Sync;

/// A source to be made: which collectors it fills, and its constructor.
#[derive(Clone)]
pub struct SourceSpec {
    pub(crate) collectors: Arc<[&'static Collector]>,
    pub(crate) make: Arc<Make>,
}

impl SourceSpec {
    /// `make` is called at start, where its error ends the program, and again after a panic or several lost deadlines.
    pub fn new(
        collectors: impl IntoIterator<Item = &'static Collector>,
        make: impl Fn() -> Result<BoxedSource, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        Self { collectors: collectors.into_iter().collect(), make: Arc::new(make) }
    }
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.collectors.iter().map(|collector| collector.name)).finish()
    }
}

//! What an author of an exporter writes: collectors (declarations) and sources (code that fills pages).

mod error;
mod scrape;
mod sink;
mod spec;

pub use error::CollectError;
pub use scrape::Scrape;
pub use sink::{Outcome, Sink};
pub use spec::{BoxedSource, SourceSpec};

pub(crate) use sink::{Part, Run};

use exposition::Desc;
use std::future::Future;
use std::pin::Pin;

/// A named group of families, reported and switched as one: a value of the `collector` label.
#[derive(Debug)]
pub struct Collector {
    /// The name, as the peer has it.
    pub name: &'static str,
    /// Whether it is on without a flag.
    pub enabled: bool,
    /// Families whose names are known.
    pub families: &'static [&'static Desc],
    /// Families that are named at run time, by their prefix.
    pub dynamic: &'static [&'static Desc],
}

/// What [`Source::collect`] returns.
pub type CollectFuture<'a> = Pin<Box<dyn Future<Output = Result<(), CollectError>> + Send + 'a>>;

/// Something that is asked over a connection: a database, an engine, a web service.
///
/// A source owns its connection, buffers and statements, and is never run twice at once. It may fill several
/// collectors from one fetch, see [`Sink::collector`].
pub trait Source: Send + 'static {
    /// Fills the sink. What was committed before an error, a panic or the deadline is served; a target that is down
    /// is data (`up 0`), not an error.
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a>;
}

/// Something that is read by calls that may block the thread: `/proc`, `/sys`, `statfs`.
///
/// Blocking sources run one after the other on a worker thread, never on the one that serves HTTP.
pub trait BlockingSource: Send + 'static {
    /// Fills the sink; the same rules as for [`Source::collect`].
    ///
    /// # Errors
    /// Any error costs what was not committed, and the collectors that were not ended yet.
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError>;
}

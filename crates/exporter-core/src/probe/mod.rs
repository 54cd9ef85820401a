//! Many targets through one exporter: `/probe?target=…&module=…`.
//!
//! A probe is an exporter's function from a URL's parameters to sources. Their registry is kept while it is asked for, so
//! connections stay open, and probes of one target that meet share a run.

mod cache;
mod policy;

pub use cache::{ProbeError, Probes};
pub use policy::{Admitted, Refused, TargetPolicy};

use std::fmt;
use std::sync::Arc;

use crate::route::Route;
use crate::source::SourceSpec;

/// A probe's parameters, percent-decoded, in the order of the URL.
pub type Parameters = [(String, String)];

/// How an exporter answers probes.
#[derive(Clone)]
pub struct ProbeSpec {
    /// Where it is asked: `/probe`, `/scrape`.
    pub path: &'static str,
    /// Parameters that tell targets apart; two probes that agree in them share connections and runs.
    pub parameters: &'static [&'static str],
    pub(crate) make: Arc<Make>,
    pub(crate) is_kept: bool,
    pub(crate) routes: Vec<Route>,
    pub(crate) explain: Option<Arc<Explain>>,
}

type Make = dyn Fn(&Parameters) -> Result<Vec<SourceSpec>, ProbeError> + Send + Sync;
type Explain = dyn Fn(&Parameters, &str) -> String + Send + Sync;

impl ProbeSpec {
    /// `make` gets the parameters named in `parameters` only.
    pub fn new(
        path: &'static str,
        parameters: &'static [&'static str],
        make: impl Fn(&Parameters) -> Result<Vec<SourceSpec>, ProbeError> + Send + Sync + 'static,
    ) -> Self {
        Self { path, parameters, make: Arc::new(make), is_kept: true, routes: Vec::new(), explain: None }
    }

    /// Nothing of a target is kept when its probe is done: for exporters without connections to keep.
    #[must_use]
    pub fn fleeting(mut self) -> Self {
        self.is_kept = false;
        self
    }

    /// A path beside it.
    #[must_use]
    pub fn with_route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Answers `debug=true`: gets the parameters, and the page that the probe would have got.
    #[must_use]
    pub fn explained_by(
        mut self,
        explain: impl Fn(&Parameters, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        self.explain = Some(Arc::new(explain));
        self
    }
}

impl fmt::Debug for ProbeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeSpec").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The value of a parameter.
pub fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

//! What every exporter gets for free: scheduling, isolation and deadlines of its sources, the HTTP server, flags and
//! logs.
//!
//! An exporter is an [`Exporter`]: a name, flags, and a function that makes [`SourceSpec`]s from [`Settings`]. A source
//! fills a [`Sink`] with samples of declared families; the [`Registry`] decides when it runs, who waits for it and for
//! how long. Nothing here knows a concrete exporter or a client library.
#![deny(unsafe_code)]

mod blueprint;
mod build;
mod catalogue;
mod cli;
mod config;
pub mod date;
mod duration;
mod exporter;
mod flags;
mod health;
mod http;
pub mod log;
mod lookup;
pub mod memory;
mod notify;
mod plan;
pub mod probe;
pub mod prom;
mod registry;
mod route;
mod run;
mod secret;
mod shared;
mod source;

pub use catalogue::{CatalogueRow, own_catalogue};
pub use cli::common_flags;
pub use duration::parse_duration;
pub use exporter::{ConfigError, Discovered, Exporter};
pub use exposition;
pub use exposition::{Desc, Dynamic, Family, Kind, LabelSet, LabelValue, Labels, Page};
pub use flags::{Flag, Settings};
pub use http::{App, AppOptions, Instance, Listener, Reload, serve};
pub use lookup::Lookups;
pub use plan::{AllInOne, Subcommand};
pub use regex_lite::Regex;
pub use registry::{Collected, CollectorStatus, Filter, FilterError, Registry};
pub use route::{Answer, Route, RouteRequest};
pub use run::{all_in_one, standalone, standalone_for, standalone_with};
pub use secret::{Secret, unquoted};
pub use source::{
    BlockingSource, BoxedSource, CollectError, CollectFuture, Collector, Outcome, Scrape, Sink, Source,
    SourceSpec,
};

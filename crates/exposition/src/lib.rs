//! The Prometheus exposition formats, without I/O: families, samples, escaping, writers and a strict parser.
//!
//! The data flows one way. A source declares [`Family`] and [`Dynamic`] statics and puts samples on a [`Page`], a flat
//! arena. An [`Assembly`] takes one or many pages, brings the samples of each family together, drops what would make
//! the page invalid (and counts it), and writes text 0.0.4 or OpenMetrics 1.0.
//!
//! ```
//! use exposition::{Assembly, Family, Format, Options, Page};
//!
//! static BYTES: Family<1> = Family::counter("node_network_receive_bytes_total", "Bytes received.", &["device"]);
//!
//! let mut page = Page::new();
//! page.put(&BYTES, [&"eth0"], 1_500_000_u64);
//! let mut out = Vec::new();
//! Assembly::new().write(&[&page], &Options::new(Format::Text), &mut out);
//! let page = String::from_utf8(out)?;
//! assert!(page.ends_with("\nnode_network_receive_bytes_total{device=\"eth0\"} 1.5e+06\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod assembly;
mod family;
mod gzip;
mod label;
mod memory;
mod page;
pub mod parse;
mod value;
mod write;

pub use assembly::{Assembly, Dropped, Format, Options, Output, Reason, Written};
pub use family::{Desc, Dynamic, Family, Kind, is_label_name, is_metric_name};
pub use gzip::{Gzip, GzipPage};
pub use label::LabelValue;
pub use page::{FamilyHead, ForeignError, ForeignFamily, LabelSet, Labels, Page};
pub use value::{SampleValue, write_value};

//! Which sample names a family has.

use crate::assembly::Format;
use crate::family::Kind;

/// What a family's samples may be named, after its own name.
pub(crate) fn suffixes(kind: Kind, format: Format) -> &'static [&'static str] {
    match (kind, format) {
        (Kind::Histogram, Format::Text) => &["_bucket", "_sum", "_count"],
        (Kind::Summary, Format::Text) => &["", "_sum", "_count"],
        (_, Format::Text) => &[""],
        (Kind::Counter, Format::OpenMetrics) => &["_total", "_created"],
        (Kind::Info, Format::OpenMetrics) => &["_info"],
        (Kind::Histogram, Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
        (Kind::Summary, Format::OpenMetrics) => &["", "_sum", "_count", "_created"],
        (Kind::Gauge | Kind::Untyped, Format::OpenMetrics) => &[""],
    }
}

/// Every ending that a sample's name may have over its family's, the empty one left out.
pub(crate) const ENDINGS: [&str; 6] = ["_bucket", "_sum", "_count", "_total", "_created", "_info"];

//! A strict parser of both formats, for files that users write and for tests that judge pages.
//!
//! It is pure and never panics. Its time grows with the input's length only (n log n for the labels of one sample),
//! its memory is bounded by a fixed multiple of it; whoever reads from outside limits the length.
//!
//! [`parse`] takes what the formats' documents allow and nothing else. [`parse_lenient`] is for text files by foreign
//! hands: it also takes what the Go parser behind `promtool check metrics` and node_exporter takes and what does not
//! change the meaning. The table in `tests/corpus` has each document on which these three differ, with the reason.
//!
//! ```
//! use exposition::{Format, parse::parse};
//!
//! let families = parse("# TYPE up gauge\nup{job=\"a\"} 1\n", Format::Text)?;
//! assert_eq!(families[0].name, "up");
//! assert_eq!(families[0].samples[0].label("job"), Some("a"));
//!
//! let error = parse("up{job=\"a\" 1\n", Format::Text).unwrap_err();
//! assert_eq!(error.to_string(), "line 1, column 12: expected \",\" or \"}\" after the label, found \"1\"");
//! # Ok::<(), exposition::parse::ParseError>(())
//! ```

mod builder;
mod error;
mod groups;
mod line;
mod metadata;
mod number;
mod sample;
pub(crate) mod suffix;
mod text;

use std::borrow::Cow;

use crate::assembly::Format;
use crate::family::Kind;
use builder::Builder;
pub use error::ParseError;
use line::Line;

/// A family as it stands on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Family<'a> {
    /// The name on the TYPE line; in OpenMetrics a counter's is without `_total`.
    pub name: &'a str,
    /// The metric type; [`Kind::Untyped`] where the page gives none.
    pub kind: Kind,
    /// The help text, unescaped.
    pub help: Option<Cow<'a, str>>,
    /// The unit (OpenMetrics only).
    pub unit: Option<&'a str>,
    /// The samples in the page's order.
    pub samples: Vec<Sample<'a>>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// What follows the family's name: `_bucket`, `_sum`, `_count`, in OpenMetrics also `_total`, `_created` and
    /// `_info`, mostly nothing.
    pub suffix: &'a str,
    /// Name and value, unescaped, in the page's order.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value.
    pub value: f64,
    /// The time, where the page gives one.
    pub timestamp: Option<Timestamp>,
    /// The line on which it stands, from 1.
    pub line: usize,
}

/// When a sample was taken, since the epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timestamp {
    /// Text 0.0.4.
    Millis(i64),
    /// OpenMetrics.
    Seconds(f64),
}

impl Sample<'_> {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| &**value)
    }
}

/// Reads a page by the letter of its format.
///
/// # Errors
/// The first thing on the page that the format does not allow.
pub fn parse<I: AsRef<[u8]> + ?Sized>(input: &I, format: Format) -> Result<Vec<Family<'_>>, ParseError> {
    read(input.as_ref(), Rules { format, lenient: false })
}

/// Reads a text 0.0.4 page by a foreign hand. Beyond what [`parse`] takes, a family's samples may be scattered, HELP may
/// follow them, samples may come twice (the assembly drops and counts the second), TYPE may be in capitals, histograms
/// need not be complete, and HELP need not be UTF-8.
///
/// # Errors
/// The first thing on the page that cannot be understood.
pub fn parse_lenient<I: AsRef<[u8]> + ?Sized>(input: &I) -> Result<Vec<Family<'_>>, ParseError> {
    read(input.as_ref(), Rules { format: Format::Text, lenient: true })
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    format: Format,
    lenient: bool,
}

fn read(input: &[u8], rules: Rules) -> Result<Vec<Family<'_>>, ParseError> {
    let mut builder = Builder::new(rules);
    let mut rest = input;
    let mut number = 0;
    let mut ended = false;
    while !rest.is_empty() {
        number += 1;
        let Some(end) = memchr::memchr(b'\n', rest) else {
            // OpenMetrics lets the line feed after the EOF line be left out.
            if rules.format == Format::OpenMetrics && !ended && rest == text::EOF {
                ended = true;
                break;
            }
            let mut line = Line::new(rest, number);
            line.at = rest.len();
            return Err(line.error("a line feed"));
        };
        let line = Line::new(&rest[..end], number);
        rest = &rest[end + 1..];
        match rules.format {
            Format::Text => text::line(line, &mut builder)?,
            Format::OpenMetrics if ended => {
                return Err(line.problem("nothing may follow the EOF line"));
            }
            Format::OpenMetrics => ended = text::openmetrics_line(line, &mut builder)?,
        }
    }
    if rules.format == Format::OpenMetrics && !ended {
        return Err(Line::new(b"", number + 1).error("\"# EOF\" as the last line"));
    }
    builder.finish()
}

#[cfg(test)]
mod tests;

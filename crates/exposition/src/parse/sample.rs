//! Sample lines.

use std::borrow::Cow;

use super::builder::Builder;
use super::error::ParseError;
use super::line::Line;
use super::metadata::{unescaped, utf8};
use super::{Sample, Timestamp, number};
use crate::assembly::Format;

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// `name {labels} value timestamp`; blanks between tokens are free.
pub(super) fn text<'a>(mut line: Line<'a>, builder: &mut Builder<'a>) -> Result<(), ParseError> {
    let start = line;
    let name = line.name(true).ok_or_else(|| line.error("a metric name"))?;
    let glued = !line.blanks();
    let labels = match line.peek() {
        Some(b'{') => {
            let labels = labels(&mut line, Format::Text)?;
            line.blanks();
            labels
        }
        // promtool reads `a-1` as the value -1 of `a`, which is a misspelt name more often.
        Some(_) if glued => return Err(line.error("a blank or \"{\" after the metric name")),
        _ => Vec::new(),
    };
    let value = value(&mut line)?;
    let mut timestamp = None;
    if !line.at_end() {
        line.blanks();
        let time = line;
        let token = line.token();
        let millis = number::millis(token).ok_or_else(|| time.error("a time in whole milliseconds"))?;
        timestamp = Some(Timestamp::Millis(millis));
        if !line.at_end() {
            return Err(line.error("the end of the line"));
        }
    }
    builder.sample(name, Sample { suffix: "", labels, value, timestamp, line: start.number }, start)
}

/// `name{labels} value timestamp # {labels} value timestamp`, with single blanks.
pub(super) fn openmetrics<'a>(mut line: Line<'a>, builder: &mut Builder<'a>) -> Result<(), ParseError> {
    let start = line;
    let name = line.name(true).ok_or_else(|| line.error("a metric name"))?;
    let labels = match line.peek() {
        Some(b'{') => labels(&mut line, Format::OpenMetrics)?,
        _ => Vec::new(),
    };
    blank(&mut line)?;
    let value = value(&mut line)?;
    let mut timestamp = None;
    if !line.at_end() && !line.rest().starts_with(b" #") {
        blank(&mut line)?;
        timestamp = Some(seconds(&mut line)?);
    }
    let exemplar = line;
    if !line.at_end() {
        read_exemplar(&mut line)?;
        if !(name.ends_with("_total") || name.ends_with("_bucket")) {
            return Err(exemplar.problem("only a counter's _total and a histogram's _bucket have exemplars"));
        }
    }
    builder.sample(name, Sample { suffix: "", labels, value, timestamp, line: start.number }, start)
}

/// An exemplar is checked and dropped.
fn read_exemplar(line: &mut Line<'_>) -> Result<(), ParseError> {
    /// Characters of label names and values together, by the format's document.
    const LIMIT: usize = 128;
    if !line.eat(b" # ") || line.peek() != Some(b'{') {
        return Err(line.error("\" # {\" and an exemplar, or the end of the line"));
    }
    let start = *line;
    let labels = labels(line, Format::OpenMetrics)?;
    let length: usize = labels.iter().map(|(name, value)| name.len() + value.chars().count()).sum();
    if length > LIMIT {
        return Err(
            start.problem(format_args!("an exemplar's labels have {length} characters, over {LIMIT}"))
        );
    }
    blank(line)?;
    value(line)?;
    if !line.at_end() {
        blank(line)?;
        seconds(line)?;
    }
    if line.at_end() { Ok(()) } else { Err(line.error("the end of the line")) }
}

fn blank(line: &mut Line<'_>) -> Result<(), ParseError> {
    if line.eat(b" ") { Ok(()) } else { Err(line.error("a blank")) }
}

fn value(line: &mut Line<'_>) -> Result<f64, ParseError> {
    let start = *line;
    number::float(line.token()).ok_or_else(|| start.error("a float as the value"))
}

fn seconds(line: &mut Line<'_>) -> Result<Timestamp, ParseError> {
    let start = *line;
    let seconds = number::seconds(line.token()).ok_or_else(|| start.error("a time in seconds"))?;
    Ok(Timestamp::Seconds(seconds))
}

/// From `{` to `}`. Blanks and a last comma are for text 0.0.4 only.
fn labels<'a>(line: &mut Line<'a>, format: Format) -> Result<Labels<'a>, ParseError> {
    let free = format == Format::Text;
    let open = *line;
    line.at += 1;
    let mut labels = Labels::new();
    loop {
        skip(line, free);
        if (free || labels.is_empty()) && line.eat(b"}") {
            break;
        }
        // Quoted names are of the format's version 1.0.0; promtool takes them already.
        let name = line.name(false).ok_or_else(|| line.error("a label name"))?;
        skip(line, free);
        if !line.eat(b"=") {
            return Err(line.error("\"=\" after the label name"));
        }
        skip(line, free);
        if !line.eat(b"\"") {
            return Err(line.error("a quotation mark before the label value"));
        }
        labels.push((name, label_value(line)?));
        skip(line, free);
        if line.eat(b"}") {
            break;
        }
        if !line.eat(b",") {
            return Err(line.error("\",\" or \"}\" after the label"));
        }
    }
    check_names(&labels, open)?;
    Ok(labels)
}

fn skip(line: &mut Line<'_>, free: bool) {
    if free {
        line.blanks();
    }
}

/// Up to the closing quotation mark.
fn label_value<'a>(line: &mut Line<'a>) -> Result<Cow<'a, str>, ParseError> {
    let start = *line;
    let raw = line.rest();
    let mut plain: Option<Vec<u8>> = None;
    let mut copied = 0;
    loop {
        let Some(found) = memchr::memchr2(b'\\', b'"', &raw[copied..]) else {
            return Err(start.problem("the label value has no closing quotation mark on its line"));
        };
        let at = copied + found;
        line.at = start.at + at;
        if raw[at] == b'"' {
            line.at += 1;
            let value = match plain {
                None => Cow::Borrowed(&raw[..at]),
                Some(mut plain) => {
                    plain.extend_from_slice(&raw[copied..at]);
                    Cow::Owned(plain)
                }
            };
            return utf8(value, false).ok_or_else(|| start.problem("expected UTF-8 as the label value"));
        }
        let Some(byte) = unescaped(raw.get(at + 1)) else {
            return Err(line.error("one of \\\\, \\n and \\\""));
        };
        let plain = plain.get_or_insert_default();
        plain.extend_from_slice(&raw[copied..at]);
        plain.push(byte);
        copied = at + 2;
    }
}

/// No name twice, and not the one under which Prometheus keeps the metric's name.
fn check_names(labels: &Labels<'_>, at: Line<'_>) -> Result<(), ParseError> {
    if labels.iter().any(|(name, _)| *name == "__name__") {
        return Err(at.problem("the label name __name__ is reserved"));
    }
    if labels.len() < 2 {
        return Ok(());
    }
    // Sorted, so that a hostile line of many labels costs no square.
    let mut names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(at.problem(format_args!("the label {} stands there twice", pair[0]))),
        None => Ok(()),
    }
}

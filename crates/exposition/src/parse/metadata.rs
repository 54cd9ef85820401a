//! HELP, TYPE and UNIT lines, from the family's name on.

use std::borrow::Cow;

use super::builder::Builder;
use super::error::ParseError;
use super::line::Line;
use crate::assembly::Format;
use crate::family::Kind;

pub(super) fn help<'a>(mut line: Line<'a>, builder: &mut Builder<'a>) -> Result<(), ParseError> {
    let start = line;
    let name = name(&mut line, builder)?;
    let text = unescape_help(&mut line, builder)?;
    builder.help(name, text, start)
}

pub(super) fn kind<'a>(mut line: Line<'a>, builder: &mut Builder<'a>) -> Result<(), ParseError> {
    let start = line;
    let name = name(&mut line, builder)?;
    let kind = match (builder.rules.format, line.rest()) {
        (_, b"counter") => Kind::Counter,
        (_, b"gauge") => Kind::Gauge,
        (_, b"histogram") => Kind::Histogram,
        (_, b"summary") => Kind::Summary,
        (Format::Text, b"untyped") | (Format::OpenMetrics, b"unknown") => Kind::Untyped,
        (Format::OpenMetrics, b"info") => Kind::Info,
        // OpenMetrics also knows `gaugehistogram` and `stateset`, which nothing here writes and nobody can put on a
        // page. promtool takes `gaugehistogram` in text 0.0.4, whose document does not have it.
        // Prometheus wants lower case; promtool does not care.
        (_, word) => match lenient(word).filter(|_| builder.rules.lenient) {
            Some(kind) => kind,
            None => {
                return Err(line.error(match builder.rules.format {
                    Format::Text => "a type (counter, gauge, histogram, summary or untyped)",
                    Format::OpenMetrics => "a type (counter, gauge, histogram, summary, info or unknown)",
                }));
            }
        },
    };
    builder.kind(name, kind, start)
}

fn lenient(word: &[u8]) -> Option<Kind> {
    [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary, Kind::Untyped]
        .into_iter()
        .find(|kind| kind.text().as_bytes().eq_ignore_ascii_case(word))
}

pub(super) fn unit<'a>(mut line: Line<'a>, builder: &mut Builder<'a>) -> Result<(), ParseError> {
    let start = line;
    let name = name(&mut line, builder)?;
    let unit_at = line;
    let unit = match line.name(true) {
        Some(unit) if line.at_end() => unit,
        _ => return Err(line.error("a unit in the characters of a metric name")),
    };
    if !name.strip_suffix(unit).is_some_and(|base| base.ends_with('_')) {
        return Err(
            unit_at.problem(format_args!("expected a unit that ends the name {name}, found {unit:?}"))
        );
    }
    builder.unit(name, unit, start)
}

/// The family's name and the blank after it.
fn name<'a>(line: &mut Line<'a>, builder: &Builder<'a>) -> Result<&'a str, ParseError> {
    // Quoted names came with version 1.0.0 of the text format; the parser of Prometheus takes them, we do not.
    let name = line.name(true).ok_or_else(|| line.error("a metric name"))?;
    let blank = match builder.rules.format {
        Format::Text => line.blanks() || line.at_end(),
        Format::OpenMetrics => line.eat(b" "),
    };
    if blank { Ok(name) } else { Err(line.error("a blank after the metric name")) }
}

/// The rest of the line. Text 0.0.4 escapes backslash and line feed (promtool also takes `\"`), OpenMetrics the
/// quotation mark as well.
fn unescape_help<'a>(line: &mut Line<'a>, builder: &Builder<'a>) -> Result<Cow<'a, str>, ParseError> {
    let openmetrics = builder.rules.format == Format::OpenMetrics;
    let start = line.at;
    let raw = line.rest();
    let mut plain: Option<Vec<u8>> = None;
    let mut copied = 0;
    for at in memchr::memchr2_iter(b'\\', b'"', raw) {
        if at < copied {
            continue;
        }
        line.at = start + at;
        if raw[at] == b'"' {
            if openmetrics {
                return Err(line.error("a backslash before the quotation mark"));
            }
            continue;
        }
        let Some(byte) = unescaped(raw.get(at + 1)) else {
            return Err(line.error("one of \\\\, \\n and \\\""));
        };
        let plain = plain.get_or_insert_with(|| Vec::with_capacity(raw.len()));
        plain.extend_from_slice(&raw[copied..at]);
        plain.push(byte);
        copied = at + 2;
    }
    line.at = start;
    let text = match plain {
        None => Cow::Borrowed(raw),
        Some(mut plain) => {
            plain.extend_from_slice(&raw[copied..]);
            Cow::Owned(plain)
        }
    };
    // promtool does not look at the bytes of HELP; a page is UTF-8.
    utf8(text, builder.rules.lenient).ok_or_else(|| line.problem("expected UTF-8, found other bytes"))
}

/// What a backslash and this byte stand for. OpenMetrics' grammar lets other bytes stand for themselves, which is more
/// often a mistake than meant; both are strict here.
pub(super) fn unescaped(byte: Option<&u8>) -> Option<u8> {
    match byte? {
        b'\\' => Some(b'\\'),
        b'"' => Some(b'"'),
        b'n' => Some(b'\n'),
        _ => None,
    }
}

pub(super) fn utf8(bytes: Cow<'_, [u8]>, lossy: bool) -> Option<Cow<'_, str>> {
    Some(match bytes {
        Cow::Borrowed(bytes) if lossy => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) if lossy => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    })
}

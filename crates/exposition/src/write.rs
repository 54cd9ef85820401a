//! The lines of both formats.

use crate::assembly::Format;
use crate::family::Kind;
use crate::page::{FamilyHead, Sample};
use crate::value::{write_openmetrics_value, write_value};

/// HELP and TYPE.
pub(crate) fn head(family: &FamilyHead<'_>, format: Format, out: &mut Vec<u8>) {
    let (name, kind) = match format {
        Format::Text => (family.name, family.kind.text()),
        Format::OpenMetrics => openmetrics_type(family),
    };
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    help(family.help, format, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}

/// One sample line.
pub(crate) fn sample(
    family: &FamilyHead<'_>,
    format: Format,
    sample: &Sample,
    labels: &[u8],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(family.name.as_bytes());
    out.extend_from_slice(sample.part.suffix().as_bytes());
    if !labels.is_empty() {
        out.push(b'{');
        out.extend_from_slice(labels);
        out.push(b'}');
    }
    out.push(b' ');
    match format {
        Format::Text => write_value(sample.value, out),
        Format::OpenMetrics => write_openmetrics_value(sample.value, out),
    }
    out.push(b'\n');
}

/// The family name and type of OpenMetrics. A counter without `_total` is typed `unknown`, as the Go client does, so
/// that its name stays what it is.
fn openmetrics_type<'a>(family: &FamilyHead<'a>) -> (&'a str, &'static str) {
    match family.kind {
        Kind::Counter => match family.name.strip_suffix("_total") {
            Some(base) => (base, "counter"),
            None => (family.name, "unknown"),
        },
        Kind::Info => match family.name.strip_suffix("_info") {
            Some(base) => (base, "info"),
            None => (family.name, "gauge"),
        },
        Kind::Untyped => (family.name, "unknown"),
        kind => (family.name, kind.text()),
    }
}

fn help(text: &str, format: Format, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if format == Format::OpenMetrics => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

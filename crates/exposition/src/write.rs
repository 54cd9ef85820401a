//! The lines of both formats.

use crate::assembly::{Form, Format};
use crate::page::{Part, Sample};
use crate::value::{write_openmetrics_value, write_value};

/// HELP and TYPE.
pub(crate) fn head(form: &Form<'_>, help_text: &str, format: Format, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(form.name.as_bytes());
    out.push(b' ');
    help(help_text, format, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(form.name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(form.kind.as_bytes());
    out.push(b'\n');
}

/// One sample line; the label text has all that is between name and value.
pub(crate) fn sample(name: &str, format: Format, sample: &Sample, labels: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    if sample.part != Part::Plain {
        out.extend_from_slice(sample.part.suffix().as_bytes());
    }
    out.extend_from_slice(labels);
    match format {
        Format::Text => write_value(sample.value, out),
        Format::OpenMetrics => write_openmetrics_value(sample.value, out),
    }
    out.push(b'\n');
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

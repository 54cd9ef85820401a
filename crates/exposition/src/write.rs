//! The lines of both formats.

use crate::assembly::{Form, Format};
use crate::label::escape_each;
use crate::page::{Part, Sample};
use crate::value::{write_openmetrics_value, write_value};

/// HELP and TYPE.
pub(crate) fn head(form: &Form<'_>, help_text: &[u8], format: Format, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(form.name);
    out.push(b' ');
    help(help_text, format, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(form.name);
    out.push(b' ');
    out.extend_from_slice(form.kind.as_bytes());
    out.push(b'\n');
}

/// One sample line; the label text has all that is between name and value.
pub(crate) fn sample(name: &[u8], format: Format, sample: &Sample, labels: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
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

fn help(text: &[u8], format: Format, out: &mut Vec<u8>) {
    // In text a quote stands for itself.
    escape_each(text, if format == Format::OpenMetrics { b'"' } else { b'\\' }, out);
}

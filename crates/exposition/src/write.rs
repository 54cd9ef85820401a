//! The lines of both formats.

use std::ops::Range;

use crate::assembly::{Form, Format};
use crate::label::escape_each;
use crate::page::{LabelText, Page, Part, Sample};
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

/// The sample lines of a family.
pub(crate) struct Lines<'a> {
    name: &'a [u8],
    format: Format,
    /// Where in the output the last line with a bound begins, up to the bound, and what it is of: the next bound of the same
    /// histogram has the same in front.
    before_bound: Option<(Range<usize>, u32, LabelText, Part)>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(name: &'a [u8], format: Format) -> Self {
        Self { name, format, before_bound: None }
    }

    /// Writes one; `number` is the page's.
    pub(crate) fn write(&mut self, (number, page): (u32, &Page), sample: &Sample, out: &mut Vec<u8>) {
        match page.bound_of(sample.labels) {
            None => {
                self.name(sample.part, out);
                out.extend_from_slice(page.common_text(sample.labels));
            }
            Some((_, bound)) => {
                match &self.before_bound {
                    Some((written, of, labels, part))
                        if (*of, *part) == (number, sample.part) && labels.is_beside(sample.labels) =>
                    {
                        out.extend_from_within(written.clone());
                    }
                    _ => {
                        let start = out.len();
                        self.name(sample.part, out);
                        page.stem(sample.labels).into_iter().for_each(|piece| out.extend_from_slice(piece));
                        self.before_bound = Some((start..out.len(), number, sample.labels, sample.part));
                    }
                }
                out.extend_from_slice(bound);
            }
        }
        match self.format {
            Format::Text => write_value(sample.value, out),
            Format::OpenMetrics => write_openmetrics_value(sample.value, out),
        }
        out.push(b'\n');
    }

    /// What was written may be gone.
    pub(crate) fn settled(&mut self) {
        self.before_bound = None;
    }

    fn name(&self, part: Part, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name);
        if part != Part::Plain {
            out.extend_from_slice(part.suffix().as_bytes());
        }
    }
}

fn help(text: &[u8], format: Format, out: &mut Vec<u8>) {
    // In text a quote stands for itself.
    escape_each(text, if format == Format::OpenMetrics { b'"' } else { b'\\' }, out);
}

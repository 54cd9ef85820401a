//! What kind of line a line is.

use super::builder::Builder;
use super::error::ParseError;
use super::line::Line;
use super::{metadata, sample};

/// The last line of an OpenMetrics page.
pub(super) const EOF: &[u8] = b"# EOF";

/// A line of text 0.0.4: blanks between tokens are free, other comments are allowed.
pub(super) fn line<'a>(mut line: Line<'a>, builder: &mut Builder<'a>) -> Result<(), ParseError> {
    line.blanks();
    match line.peek() {
        None => Ok(()),
        // promtool takes `#HELP` for HELP, although the format's document wants a blank.
        Some(b'#') => {
            line.at += 1;
            line.blanks();
            let keyword = line.token();
            line.blanks();
            match keyword {
                // A keyword alone is a comment.
                _ if line.at_end() => Ok(()),
                b"HELP" => metadata::help(line, builder),
                b"TYPE" => metadata::kind(line, builder),
                _ => Ok(()),
            }
        }
        Some(_) => sample::text(line, builder),
    }
}

/// A line of OpenMetrics, where each blank has its place; whether it is the EOF line.
pub(super) fn openmetrics_line<'a>(
    mut line: Line<'a>,
    builder: &mut Builder<'a>,
) -> Result<bool, ParseError> {
    if line.rest() == EOF {
        return Ok(true);
    }
    if line.eat(b"# HELP ") {
        metadata::help(line, builder)?;
    } else if line.eat(b"# TYPE ") {
        metadata::kind(line, builder)?;
    } else if line.eat(b"# UNIT ") {
        metadata::unit(line, builder)?;
    } else if line.peek() == Some(b'#') {
        return Err(line
            .problem("expected \"# HELP \", \"# TYPE \", \"# UNIT \" or \"# EOF\": there are no comments"));
    } else {
        sample::openmetrics(line, builder)?;
    }
    Ok(false)
}

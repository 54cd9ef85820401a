//! The one place that prints.

use std::fmt::Display;
use std::io::Write;

/// One line on standard output. A closed pipe (`| head`) is no reason to stop a chore half-way.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One line on standard error.
pub(crate) fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

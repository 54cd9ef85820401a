//! Against real servers, each a test's own.

mod differential;
mod faults;
mod footprint;
mod golden;
mod support;

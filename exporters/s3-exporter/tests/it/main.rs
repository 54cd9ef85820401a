//! Against a server of the tests' own, which misbehaves at will, and against real ones.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod basics;
mod bed;
mod faults;
mod garage;
mod incremental;
mod moto;
mod probes;
mod program;
mod ranges;
mod support;

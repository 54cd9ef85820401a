//! Against real servers, each a test's own.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod answers;
mod cluster;
mod differential;
mod faults;
mod footprint;
mod golden;
mod keys;
mod probes;
mod queues;
mod sentinel;
mod support;

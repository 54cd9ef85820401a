//! Integration tests: whole pages, of our own small host under `fixtures` and of the host we run on.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are not seen as tests"
)]

mod differential;
mod failures;
mod flags;
mod fuzz;
mod golden;
mod host;
mod mounted;
mod peer;
mod portable;
mod program;
mod support;
mod systemd;
mod textfile;

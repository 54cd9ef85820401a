//! The program itself: scraped by a real Prometheus, and given what it cannot use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod check_config;
mod compose;
mod listen;
mod prometheus;
mod reload;
mod secrets;
mod support;
mod thresholds;

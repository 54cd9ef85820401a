//! The program itself: scraped by a real Prometheus, and given what it cannot use.

mod bad_input;
mod prometheus;
mod support;
mod thresholds;

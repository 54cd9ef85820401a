//! exporter-core from outside: sources of every kind of misbehaviour, real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_sources;
mod http;
mod kept_data;
mod meeting_scrapes;
mod support;

//! exporter-core from outside: sources of every kind of misbehaviour, real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_sources;
mod http;
mod kept_data;
#[allow(clippy::print_stderr, reason = "the table of what was measured")]
mod limits;
mod listeners;
mod meeting_scrapes;
mod pki;
mod program;
mod support;
mod unread_log;
mod web_config;

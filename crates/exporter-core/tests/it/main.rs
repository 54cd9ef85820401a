//! exporter-core from outside: sources of every kind of misbehaviour, real connections.

mod bad_sources;
mod http;
mod meeting_scrapes;
mod support;

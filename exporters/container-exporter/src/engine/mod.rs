//! An engine (Docker, Podman) as a source of news about containers.

mod api;
mod client;
mod watch;

pub(crate) use client::Address;
pub(crate) use watch::{Watch, watch};

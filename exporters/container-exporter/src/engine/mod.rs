//! An engine (Docker, Podman) as a source of news about containers.

mod api;
mod client;
mod transport;
mod watch;

pub(crate) use transport::Address;
pub(crate) use watch::{Watch, watch};

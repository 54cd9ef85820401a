//! Against real servers: nginx, dnsmasq, the peer, and one of our own that misbehaves.
#![allow(clippy::expect_used, clippy::panic, reason = "tests may panic, and so may their helpers")]

mod bad_server;
mod certs;
mod checks;
mod differential;
mod faults;
mod golden;
mod grpc_server;
mod json_module;
mod nginx;
mod program;
mod prometheus;
mod support;
mod watches;

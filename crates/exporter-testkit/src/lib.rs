//! What the workspace's tests share: real servers on private ports, fixture trees, golden files, a small HTTP client.
//!
//! Everything here returns [`Result`], whose error prints as one readable message, so that a test can be written as
//! `fn it_works() -> exporter_testkit::Result` and use `?`. Nothing here ever skips: a missing tool is an error that
//! names the command which brings it. Everything that can hang takes a deadline, and every server started here is
//! ended again, by its process id, when its value is dropped.

pub mod alertmanager;
pub mod docker;
mod error;
pub mod fixture;
pub mod golden;
pub mod http;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod sink;
pub mod tools;
pub mod wait;

pub use error::{Error, Result};

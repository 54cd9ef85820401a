//! Integration tests: whole pages, of our own small host under `fixtures` and of the host we run on.

mod failures;
mod golden;
mod host;
mod support;

//! Against real servers, each a test's own.

mod cluster;
mod differential;
mod faults;
mod footprint;
mod golden;
mod keys;
mod probes;
mod queues;
mod sentinel;
mod support;

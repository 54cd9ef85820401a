//! The exporter against a real engine, and against recorded cgroups of version 2.

mod docker;
mod faults;
mod golden;
mod meta;
mod podman;
mod proxy;
mod required;
mod secrets;
mod states;
mod stats;
mod support;
mod usage;

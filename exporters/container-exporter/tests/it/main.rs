//! The exporter against a real engine, and against recorded cgroups of version 2.

mod docker;
mod faults;
mod golden;
mod meta;
mod proxy;
mod secrets;
mod states;
mod support;
mod usage;

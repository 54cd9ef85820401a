//! The exporter against a real engine, and against recorded cgroups of version 2.

mod churn;
mod containerd;
mod docker;
mod faults;
mod fleet;
mod golden;
mod meta;
mod podman;
mod proxy;
mod required;
mod secrets;
mod sizes;
mod states;
mod stats;
mod support;
mod usage;

//! Against real servers of every major version, private and on free ports; brought by `cargo xtask setup`.

mod faults;
mod own_queries;
mod peer;
mod support;
mod versions;

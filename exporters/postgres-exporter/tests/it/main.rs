//! Against real servers of every major version, private and on free ports; brought by `cargo xtask setup`.

mod bloat;
mod costs;
mod faults;
mod hosts;
mod own_queries;
mod panels;
mod peer;
mod pgbouncer;
mod support;
mod tls;
mod versions;

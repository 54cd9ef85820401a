//! The repository's chores, as a library so that the same checks run as tests.

mod bench;
pub mod catalogue;
pub mod cli;
pub mod contract;
mod docker;
pub mod docs;
mod garage;
mod lint;
pub mod repo;
mod say;
mod setup;
mod shell;
mod test;
pub mod tidy;
mod violation;

pub use violation::Violation;

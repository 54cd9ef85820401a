//! The repository's chores, as a library so that the same checks run as tests.

pub mod contract;
pub mod repo;

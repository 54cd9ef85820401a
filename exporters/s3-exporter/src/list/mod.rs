//! Listing: pages in our own loop, folded as they come.
//!
//! The SDK's paginator ends with success where a server forgets the token of the next page or repeats one; totals would be
//! wrong without a word. Here both are failures, as is an order of keys that is none.

pub(crate) mod fold;
pub(crate) mod levels;
pub(crate) mod multipart;
pub(crate) mod page;
pub(crate) mod ranges;
pub(crate) mod walk;
pub(crate) mod xml;

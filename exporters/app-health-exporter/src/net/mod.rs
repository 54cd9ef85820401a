//! Connections with every step timed, guarded and told apart.

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod cert;
pub(crate) mod dial;
pub(crate) mod failure;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod known;
pub(crate) mod proxy;
pub(crate) mod roots;
pub(crate) mod tls;
pub(crate) mod url;
pub(crate) mod verify;

pub(crate) use failure::{Failure, Reason};

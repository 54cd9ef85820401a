//! Why a server could not be asked: told apart, in words that stay the same from scrape to scrape, since they become a
//! label value.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::fmt;
use std::io;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// Nothing listens there.
    Refused,
    /// The name has no address.
    Dns,
    /// The target may not be asked.
    Policy,
    /// A wrong or missing login, or a secret that cannot be read.
    Auth,
    Tls,
    /// No answer in time.
    Timeout,
    /// The server reads its data set from disk.
    Loading,
    /// The user may not run the command.
    Acl,
    /// The connection broke.
    Io,
    /// An answer that makes no sense.
    Protocol,
}

/// A cause and its particulars; no secret, no port number that changes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) struct Trouble {
    pub(crate) cause: Cause,
    what: String,
}

impl Trouble {
    pub(crate) fn new(cause: Cause, what: impl Into<String>) -> Self {
        Self { cause, what: what.into() }
    }

    pub(crate) fn timeout(doing: &str) -> Self {
        Self::new(Cause::Timeout, format!("no answer in time while {doing}"))
    }

    /// A failed connect.
    pub(crate) fn connecting(error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Cause::Refused,
            io::ErrorKind::TimedOut => Cause::Timeout,
            _ => Cause::Io,
        };
        Self::new(cause, plain(error))
    }

    /// A TLS handshake that failed.
    pub(crate) fn tls(error: &io::Error) -> Self {
        Self::new(Cause::Tls, error.to_string())
    }

    /// What the client library says.
    pub(crate) fn redis(error: &RedisError) -> Self {
        let said = || {
            let code = error.code().unwrap_or_default();
            format!("{code} {}", error.detail().unwrap_or_default()).trim().to_owned()
        };
        match error.kind() {
            ErrorKind::AuthenticationFailed => {
                // The library quotes the server, which quotes no secret.
                Self::new(Cause::Auth, "the server refuses the user or the password")
            }
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::new(Cause::Loading, said()),
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::new(Cause::Acl, said()),
            _ if matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) => Self::new(Cause::Auth, said()),
            _ if error.is_timeout() => Self::timeout("reading"),
            _ if error.is_io_error() || error.is_connection_dropped() => {
                Self::new(Cause::Io, "the server closed the connection")
            }
            ErrorKind::Server(_) | ErrorKind::Extension => Self::new(Cause::Protocol, said()),
            _ => Self::new(Cause::Protocol, error.category()),
        }
    }

    /// Whether a new connection may help at once.
    pub(crate) fn is_broken_connection(&self) -> bool {
        matches!(self.cause, Cause::Io | Cause::Protocol)
    }
}

/// The message without the `(os error N)` behind it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Refused => "refused",
            Cause::Dns => "dns",
            Cause::Policy => "policy",
            Cause::Auth => "auth",
            Cause::Tls => "tls",
            Cause::Timeout => "timeout",
            Cause::Loading => "loading",
            Cause::Acl => "acl",
            Cause::Io => "io",
            Cause::Protocol => "protocol",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.what)
    }
}

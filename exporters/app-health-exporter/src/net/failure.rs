//! Why something did not work, as a label value that never holds what a server said.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a probe or a check failed.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            #[cfg(test)]
            pub(crate) const ALL: &[Reason] = &[$(Reason::$name,)*];

            /// The value of the `reason` label.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// The name does not resolve, or not to an address of the wanted family.
    Resolve = "resolve",
    /// The policy does not allow to ask this address.
    NotAllowed = "not_allowed",
    Refused = "refused",
    Unreachable = "unreachable",
    TimeoutResolve = "timeout_resolve",
    TimeoutConnect = "timeout_connect",
    TimeoutTls = "timeout_tls",
    /// Connected, and no answer.
    TimeoutResponse = "timeout_response",
    /// The answer began and did not end.
    TimeoutBody = "timeout_body",
    TlsExpired = "tls_expired",
    TlsNotYetValid = "tls_not_yet_valid",
    TlsUnknownCa = "tls_unknown_ca",
    TlsName = "tls_name",
    /// The certificate is wrong in another way.
    TlsCertificate = "tls_certificate",
    /// No agreement: no TLS there, no common version or cipher, a client certificate is missing.
    TlsHandshake = "tls_handshake",
    /// Closed or reset before an answer was complete.
    Closed = "closed",
    /// An HTTP/2 stream was reset.
    Http2Reset = "http2_reset",
    /// Not the protocol that was expected.
    Protocol = "protocol",
    Proxy = "proxy",
    Redirect = "redirect",
    Status = "status",
    Version = "version",
    /// TLS where none was wanted, or none where it was.
    Ssl = "ssl",
    Header = "header",
    Body = "body",
    BodyLimit = "body_limit",
    Decompress = "decompress",
    Json = "json",
    /// The parsed body has none of the values that were asked for.
    Mapping = "mapping",
    /// A conversation did not go as scripted.
    Expect = "expect",
    Rcode = "rcode",
    Answer = "answer",
    GrpcStatus = "grpc_status",
    NotServing = "not_serving",
    /// A certificate, a key, a password or a body could not be read from its file.
    Config = "config",
    Permission = "permission",
    Other = "other",
}

/// A reason, and the words for the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// An error of a read or write on an open connection.
    pub(crate) fn io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let reason = match error.kind() {
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
                Reason::Closed
            }
            Kind::TimedOut => Reason::TimeoutResponse,
            Kind::PermissionDenied => Reason::Permission,
            _ => Reason::Other,
        };
        Self::new(reason, error.to_string())
    }

    /// An error of connecting.
    pub(crate) fn connect(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let reason = match error.kind() {
            Kind::ConnectionRefused => Reason::Refused,
            Kind::TimedOut => Reason::TimeoutConnect,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => Reason::Unreachable,
            Kind::PermissionDenied => Reason::Permission,
            Kind::ConnectionReset | Kind::ConnectionAborted => Reason::Closed,
            Kind::NotFound => Reason::Refused,
            _ => Reason::Unreachable,
        };
        Self::new(reason, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.detail)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_distinct_label_values() {
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(
            names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'2'))
        );
    }
}

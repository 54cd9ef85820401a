//! Options of libpq and lib/pq that are not served.

use exporter_core::ConfigError;

use super::{Options, bad};

/// Options without a meaning here: Kerberos, and habits of other drivers.
const IGNORED: [&str; 17] = [
    "binary_parameters",
    "client_encoding",
    "disable_prepared_binary_result",
    "gssdelegation",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbspn",
    "krbsrvname",
    "load_balance_hosts",
    "replication",
    "sslcompression",
    "sslkeylogfile",
    "sslsni",
    "tcp_user_timeout",
];

/// Options that ask for more safety than there is here, and the values that do not. Whoever gives others counts on them.
const UNSAFE_TO_IGNORE: [(&str, &[&str]); 10] = [
    ("gssencmode", &["disable", "prefer"]),
    ("require_auth", &[]),
    ("requirepeer", &[]),
    ("ssl_max_protocol_version", &["TLSv1.3"]),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("sslcertmode", &["allow"]),
    ("sslcrl", &[]),
    ("sslcrldir", &[]),
    ("sslinline", &["false", "0"]),
    ("sslpassword", &[]),
];

/// Takes them out.
///
/// # Errors
/// One that is not kept.
pub(super) fn refuse(all: &mut Options) -> Result<(), ConfigError> {
    for (name, harmless) in UNSAFE_TO_IGNORE {
        // The value may be a secret: a key's password, or the key.
        if all.remove(name).is_some_and(|value| !value.is_empty() && !harmless.contains(&value.as_str())) {
            return Err(bad(format!("{name} is not supported with this value: take it out")));
        }
    }
    Ok(())
}

pub(super) fn is_ignored(name: &str) -> bool {
    IGNORED.contains(&name)
}

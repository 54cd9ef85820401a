//! Where a server is: the addresses redis_exporter takes.

use exporter_core::{ConfigError, Secret};
use std::path::PathBuf;

const DEFAULT_PORT: u16 = 6379;

/// One server, and what its URL says beside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) db: i64,
}

/// What to connect to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://`, or HOST:PORT.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        // The text may hold a password, so no error quotes it.
        let bad = |what: &str| {
            ConfigError::new(format!(
                "redis address: {what}; write redis://HOST:PORT, rediss:// or unix:///PATH"
            ))
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let tls = match scheme {
            "redis" | "valkey" | "tcp" => false,
            "rediss" | "valkeys" => true,
            "unix" => {
                let path = rest.split('?').next().unwrap_or_default();
                if path.is_empty() {
                    return Err(bad("no path"));
                }
                let place = Place::Unix(path.into());
                return Ok(Self { place, tls: false, user: None, password: None, db: 0 });
            }
            other => return Err(bad(&format!("unknown scheme {other:?}"))),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host_port) = match authority.rsplit_once('@') {
            Some((login, host_port)) => (Some(login), host_port),
            None => (None, authority),
        };
        let (host, port) = split_port(host_port).ok_or_else(|| bad("bad port"))?;
        let host = if host.is_empty() { "localhost" } else { host };
        let db = match path {
            "" => 0,
            number => number.parse().map_err(|_| bad("the path is no database number"))?,
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            None => (None, None),
            Some((user, password)) => (some(user), some(password)),
        };
        let place = Place::Tcp { host: host.to_owned(), port };
        Ok(Self { place, tls, user, password: password.map(Secret::new), db })
    }

    /// The address without secrets, as it stands in a password file: `redis://HOST:PORT`.
    pub(crate) fn uri(&self) -> String {
        match &self.place {
            Place::Unix(path) => format!("unix://{}", path.display()),
            Place::Tcp { host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                format!("{}://{host}:{port}", if self.tls { "rediss" } else { "redis" })
            }
        }
    }

    /// The same with the user before the host.
    pub(crate) fn uri_with_user(&self) -> Option<String> {
        let (scheme, rest) = self.uri().split_once("://").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        self.user.as_ref().map(|user| format!("{scheme}://{user}@{rest}"))
    }

    /// Another server like this one.
    pub(crate) fn at(&self, host: &str, port: u16) -> Self {
        Self { place: Place::Tcp { host: host.to_owned(), port }, ..self.clone() }
    }
}

fn split_port(text: &str) -> Option<(&str, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after {
            "" => Some((host, DEFAULT_PORT)),
            _ => Some((host, after.strip_prefix(':')?.parse().ok()?)),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((text, DEFAULT_PORT)),
    }
}

fn some(encoded: &str) -> Option<String> {
    (!encoded.is_empty()).then(|| percent_decoded(encoded))
}

/// `%41` is `A`; a stray percent sign stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |at: usize| after.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(text: &str) -> (String, u16, bool) {
        let target = Target::parse(text).unwrap();
        match target.place {
            Place::Tcp { host, port } => (host, port, target.tls),
            Place::Unix(_) => panic!("{text}"),
        }
    }

    #[test]
    fn addresses_in_the_wild() {
        for (text, host, port, tls) in [
            ("redis://localhost:6379", "localhost", 6379, false),
            ("rediss://cache.example", "cache.example", 6379, true),
            ("valkeys://cache.example:7000/2", "cache.example", 7000, true),
            ("10.0.0.7:6380", "10.0.0.7", 6380, false),
            ("cache", "cache", 6379, false),
            ("redis://[::1]:6381", "::1", 6381, false),
            ("redis://:secret@h", "h", 6379, false),
        ] {
            assert_eq!(tcp(text), (host.to_owned(), port, tls), "{text}");
        }
        let unix = Target::parse("unix:///run/redis.sock").unwrap();
        assert_eq!(unix.place, Place::Unix("/run/redis.sock".into()));
    }

    #[test]
    fn logins_are_decoded_and_kept_out_of_the_address() {
        let target = Target::parse("redis://joe:p%40ss%2F@h:1/3").unwrap();
        assert_eq!(target.user.as_deref(), Some("joe"));
        assert_eq!(target.password.as_ref().map(Secret::expose), Some("p@ss/"));
        assert_eq!((target.db, target.uri()), (3, "redis://h:1".to_owned()));
        assert_eq!(target.uri_with_user().as_deref(), Some("redis://joe@h:1"));
    }

    #[test]
    fn refusals_show_no_password() {
        for bad in ["http://u:hunter2@h", "redis://u:hunter2@h:port", "redis://u:hunter2@h/x", "unix://"] {
            let error = Target::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.starts_with("redis address"), "{error}");
        }
    }
}

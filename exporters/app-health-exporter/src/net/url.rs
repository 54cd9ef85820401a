//! URLs of targets: scheme, host, port and what is sent as the path.

use super::{Failure, Reason};

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Url {
    pub(crate) tls: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query.
    pub(crate) path: String,
    /// `user:password`, where the URL carries it.
    pub(crate) user: Option<exporter_core::Secret>,
    /// Whether the port is written.
    explicit_port: bool,
}

impl Url {
    /// A target: an address without a scheme is http, as the peer has it.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::new(Reason::Other, format!("bad URL: {why}"));
        let text = text.trim();
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            // A scheme-less target may carry `://` in its query.
            Some((before, _)) if !before.contains(['/', '?', '.', ':']) => {
                return Err(bad("only http and https are probed"));
            }
            _ => (false, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(exporter_core::Secret::new(decode(user))), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address).ok_or_else(|| bad("no host, or a port that is no number"))?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(bad("no host"));
        }
        let path =
            path.chars().map(|c| if c.is_ascii_graphic() { c.to_string() } else { encode(c) }).collect();
        let default = if tls { 443 } else { 80 };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(default),
            path,
            user,
            explicit_port: port.is_some(),
        })
    }

    /// Where a redirect leads.
    pub(crate) fn join(&self, location: &str) -> Result<Self, Failure> {
        let location = location.trim();
        if location.contains("://") && !location.starts_with(['/', '?']) {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", if self.tls { "https" } else { "http" }));
        }
        let own = self.path.split('?').next().unwrap_or("/");
        let path = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{own}{location}")
        } else {
            format!("{}/{location}", own.rsplit_once('/').map_or("", |(folder, _)| folder))
        };
        let path = path.split('#').next().unwrap_or("/").to_owned();
        let path =
            path.chars().map(|c| if c.is_ascii_graphic() { c.to_string() } else { encode(c) }).collect();
        Ok(Self { path, ..self.clone() })
    }

    /// The Host header: with the port only where it is written.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.explicit_port { format!("{host}:{}", self.port) } else { host }
    }

    /// `host:port` for CONNECT.
    pub(crate) fn with_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The whole, for a proxy; without the user.
    pub(crate) fn absolute(&self) -> String {
        format!("{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }

    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host) && self.port == other.port && self.tls == other.tls
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; an IPv6 address without brackets has no port.
pub(crate) fn split_port(address: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match address.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => Some((address, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((address, None)),
    }
}

fn encode(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let hex = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        rest = match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                &tail[2..]
            }
            _ => {
                out.push(*byte);
                tail
            }
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, tls, host, port, path) in [
            ("example.com", false, "example.com", 80, "/"),
            ("example.com:8080/x?y=1#z", false, "example.com", 8080, "/x?y=1"),
            ("https://example.com?u=http://x", true, "example.com", 443, "/?u=http://x"),
            ("HTTPS://[::1]:8443/a b", true, "::1", 8443, "/a%20b"),
            ("127.0.0.1:1?u=http://x/", false, "127.0.0.1", 1, "/?u=http://x/"),
            ("http://u:p%40@h/", false, "h", 80, "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.tls, url.host.as_str(), url.port, url.path.as_str()),
                (tls, host, port, path),
                "{text}"
            );
        }
        assert_eq!(Url::parse("http://u:p%40@h/").unwrap().user.unwrap().expose(), "u:p@");
        for bad in ["", "http://", "ftp://x", "http://h:x", "http://a b/", "http://[::1"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn redirects() {
        let from = Url::parse("http://h:81/a/b?c").unwrap();
        for (location, expected) in [
            ("/x", "http://h:81/x"),
            ("x", "http://h:81/a/x"),
            ("?d", "http://h:81/a/b?d"),
            ("https://other/y#f", "https://other/y"),
            ("//other:82/y", "http://other:82/y"),
        ] {
            assert_eq!(from.join(location).unwrap().absolute(), expected, "{location}");
        }
    }

    proptest::proptest! {
        #[test]
        fn junk_never_panics(text: String) {
            if let Ok(url) = Url::parse(&text) {
                proptest::prop_assert!(url.path.is_ascii());
                let _ = url.join(&text);
            }
        }
    }
}

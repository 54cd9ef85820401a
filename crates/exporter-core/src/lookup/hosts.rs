//! Names that `/etc/hosts` knows, see hosts(5).
//!
//! The system's resolver answers them too, but only on a thread of its own: for a probe of `localhost`, which is what an
//! exporter beside its application is for, that was a twelfth of an https probe's processor time. What is not in the file is the resolver's.

use std::net::IpAddr;
use std::path::Path;

/// A larger file is a list of blocked names; the resolver may search that.
const MAX: u64 = 16 << 10;

/// The addresses of `host` in the system's file; none where it does not say.
pub(super) fn known(host: &str) -> Vec<IpAddr> {
    let path = Path::new("/etc/hosts");
    let small = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= MAX);
    if !small {
        return Vec::new();
    }
    std::fs::read(path).map_or_else(|_| Vec::new(), |text| addresses(&text, host))
}

/// The addresses in front of this name, in the order of the lines.
fn addresses(text: &[u8], host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut found = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(address) = words.next() else { continue };
        if words.any(|name| name.eq_ignore_ascii_case(host.as_bytes()))
            && let Some(address) = std::str::from_utf8(address).ok().and_then(|address| address.parse().ok())
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_names_and_comments() {
        let text = b"# 9.9.9.9 localhost\n127.0.0.1\tlocalhost\n::1 ip6-localhost LocalHost # x other\n\
                     127.0.0.1 localhost\n10.0.0.1 app app.internal\nnonsense app\n\xff\n";
        let of = |host| addresses(text, host).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(of("localhost"), "127.0.0.1 ::1");
        assert_eq!(of("APP.internal."), "10.0.0.1");
        assert_eq!(of("app"), "10.0.0.1");
        assert_eq!(of("other"), "");
        assert_eq!(of(""), "");
    }
}

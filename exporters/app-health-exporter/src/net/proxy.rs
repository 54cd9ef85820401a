//! HTTP proxies: absolute requests for http, a tunnel by CONNECT for https.

use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::url::Url;
use super::{Failure, Reason, auth};
use crate::config::client::ClientConfig;

/// Longest answer to a CONNECT.
const MAX_ANSWER: usize = 16 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) url: Url,
}

impl Proxy {
    /// The proxy for a target, if there is one.
    pub(crate) fn choose(client: &ClientConfig, target: &Url) -> Result<Option<Self>, Failure> {
        let environment = |names: [&str; 2]| {
            names.iter().find_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty())
        };
        let (proxy, exceptions) = if client.proxy_from_environment {
            let names =
                if target.tls { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
            (environment(names), environment(["NO_PROXY", "no_proxy"]))
        } else {
            (client.proxy_url.clone().filter(|url| !url.is_empty()), client.no_proxy.clone())
        };
        let Some(proxy) = proxy else { return Ok(None) };
        if is_exception(&exceptions.unwrap_or_default(), target) {
            return Ok(None);
        }
        let url = Url::parse(&proxy).map_err(|_| Failure::new(Reason::Config, "proxy_url is no URL"))?;
        Ok(Some(Self { url }))
    }

    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        self.url.user.as_ref().map(auth::basic_header).transpose()
    }

    /// Asks the proxy for a connection to the target.
    pub(crate) async fn tunnel(
        &self,
        mut stream: TcpStream,
        target: &Url,
        client: &ClientConfig,
    ) -> Result<TcpStream, Failure> {
        let address = target.with_port();
        let mut head = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
        if let Some(value) = self.authorization()? {
            head += &format!("Proxy-Authorization: {}\r\n", value.to_str().unwrap_or_default());
        }
        for (name, values) in &client.proxy_connect_header {
            for value in values {
                let (name, value) = super::http::header(name, value.0.expose())?;
                head += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
            }
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).await.map_err(|error| Failure::io(&error))?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            // Byte by byte: what follows the head belongs to the target.
            let byte = stream.read_u8().await.map_err(|error| Failure::io(&error))?;
            answer.push(byte);
            if answer.len() > MAX_ANSWER {
                return Err(Failure::new(Reason::Proxy, "the proxy's answer does not end"));
            }
        }
        let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if !status.starts_with(b"2") {
            let status = String::from_utf8_lossy(&status[..status.len().min(3)]).into_owned();
            return Err(Failure::new(Reason::Proxy, format!("CONNECT was answered with {status}")));
        }
        Ok(stream)
    }
}

/// Whether `no_proxy` names a host: `*`, a domain with all below it, an address or a network.
fn is_exception(list: &str, target: &Url) -> bool {
    let host = target.host.to_ascii_lowercase();
    let address = host.parse::<std::net::IpAddr>().ok();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" {
            return true;
        }
        let (name, port) = super::url::split_port(&entry).unwrap_or((entry.as_str(), None));
        if port.is_some_and(|port| port != target.port) {
            return false;
        }
        if let (Some(address), Some((network, bits))) = (address, name.split_once('/')) {
            return match (network.parse(), bits.parse::<u32>()) {
                (Ok(network), Ok(bits)) => within(address, network, bits),
                _ => false,
            };
        }
        let domain = name.trim_start_matches("*.").trim_start_matches('.');
        host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    })
}

fn within(address: std::net::IpAddr, network: std::net::IpAddr, bits: u32) -> bool {
    use std::net::IpAddr::{V4, V6};
    match (address, network) {
        (V4(a), V4(n)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            u32::from(a) & mask == u32::from(n) & mask
        }
        (V6(a), V6(n)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            u128::from(a) & mask == u128::from(n) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions() {
        for (list, target, expected) in [
            ("example.com", "http://a.example.com", true),
            (".example.com", "http://example.com", true),
            ("example.com:81", "http://example.com", false),
            ("10.0.0.0/8", "http://10.1.2.3", true),
            ("10.0.0.0/8", "http://11.1.2.3", false),
            ("ample.com", "http://example.com", false),
            ("*", "http://x", true),
            ("", "http://x", false),
        ] {
            assert_eq!(is_exception(list, &Url::parse(target).unwrap()), expected, "{list} {target}");
        }
    }
}

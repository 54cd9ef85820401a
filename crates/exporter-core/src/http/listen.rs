//! Where connections come from: TCP addresses, Unix sockets, sockets that systemd has opened.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};

use super::stream::Stream;

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;

/// Accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Removed when the server stops; nothing for inherited sockets.
    _file: Option<SocketFile>,
    name: String,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        let name = listener.local_addr().map_or_else(
            |_| "unknown".to_owned(),
            |address| match address.ip() {
                ip if ip.is_unspecified() => format!("127.0.0.1:{}", address.port()),
                _ => address.to_string(),
            },
        );
        Self { socket: Socket::Tcp(listener), _file: None, name }
    }
}

/// Whether an address has a form that [`Listener::bind`] can do something with.
pub(crate) fn check(address: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{address}: {why}; write HOST:PORT, :PORT or unix:/PATH"));
    if let Some(path) = address.strip_prefix("unix:") {
        return if path.starts_with('/') { Ok(()) } else { wrong("not a whole path") };
    }
    if address.starts_with("vsock:") {
        return wrong("vsock is not supported here");
    }
    let Some((host, port)) = address.rsplit_once(':') else { return wrong("no port") };
    if port.parse::<u16>().is_err() {
        return wrong("the port is no number up to 65535");
    }
    let bracketed = host.strip_prefix('[').map(|host| host.strip_suffix(']'));
    let is_host = match bracketed {
        Some(host) => host.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok()),
        None => host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
    };
    if is_host { Ok(()) } else { wrong("not a host; IPv6 stands in brackets") }
}

impl fmt::Display for Listener {
    /// The address to ask, as in an URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Listener {
    /// What it is bound to: `[::]:9100`, or a socket's path.
    pub(crate) fn bound(&self) -> String {
        match &self.socket {
            Socket::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| self.name.clone(), |address| address.to_string())
            }
            Socket::Unix(_) => self.name.clone(),
        }
    }

    /// Listens on `HOST:PORT`, `:PORT` (all addresses of both families, as in Go) or `unix:/PATH`.
    ///
    /// # Errors
    /// Why that is not possible.
    pub async fn bind(address: &str) -> io::Result<Self> {
        if let Some(path) = address.strip_prefix("unix:") {
            return unix(Path::new(path));
        }
        if address.starts_with("vsock:") {
            return Err(io::Error::other("vsock is not supported here"));
        }
        let listener = match address.strip_prefix(':') {
            // A machine without IPv6 has no `[::]`.
            Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind(format!("0.0.0.0:{port}")).await
                }
                bound => bound,
            },
            None => {
                // Of a name's addresses the first of IPv4, as in Go: `localhost` is where the peers were found.
                let mut addresses: Vec<_> = tokio::net::lookup_host(address).await?.collect();
                addresses.sort_by_key(SocketAddr::is_ipv6);
                TcpListener::bind(&addresses[..]).await
            }
        };
        listener.map(Self::from)
    }

    /// The sockets that systemd (or whoever speaks its protocol, `LISTEN_FDS`) has opened for this process.
    ///
    /// # Errors
    /// Where there is none, or one is no listening stream socket.
    pub fn inherited() -> io::Result<Vec<Self>> {
        let mut given = listenfd::ListenFd::from_env();
        let mut listeners = Vec::new();
        for at in 0..given.len() {
            // What is no TCP socket stays for the second question.
            let listener = match given.take_tcp_listener(at) {
                Ok(Some(listener)) => {
                    listener.set_nonblocking(true)?;
                    Self::from(TcpListener::from_std(listener)?)
                }
                _ => match given.take_unix_listener(at)? {
                    Some(listener) => {
                        listener.set_nonblocking(true)?;
                        let name = name_of(&listener);
                        let socket = Socket::Unix(UnixListener::from_std(listener)?);
                        Self { socket, _file: None, name }
                    }
                    None => return Err(io::Error::other(format!("socket {at} cannot be used"))),
                },
            };
            listeners.push(listener);
        }
        if listeners.is_empty() {
            return Err(io::Error::other("no sockets were given: start it from a systemd .socket unit"));
        }
        Ok(listeners)
    }

    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    /// Whether it is a Unix socket, for which there is no URL.
    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.socket, Socket::Unix(_))
    }
}

fn name_of(listener: &std::os::unix::net::UnixListener) -> String {
    let address = listener.local_addr().ok();
    let path = address.as_ref().and_then(|address| address.as_pathname());
    path.map_or_else(|| "unix".to_owned(), |path| format!("unix:{}", path.display()))
}

/// Listens beside the path and moves the socket there when it is ready: nobody finds it with other permissions, and a
/// socket that a dead process has left is replaced in one step.
fn unix(path: &Path) -> io::Result<Listener> {
    if !path.is_absolute() {
        return Err(io::Error::other("write an absolute path: unix:/run/NAME.sock"));
    }
    check_free(path)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let _ = std::fs::remove_file(&fresh);
    let socket = UnixListener::bind(&fresh)?;
    let prepare = || -> io::Result<SocketFile> {
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        let metadata = std::fs::symlink_metadata(&fresh)?;
        std::fs::rename(&fresh, path)?;
        Ok(SocketFile { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) })
    };
    let file = prepare().inspect_err(|_| drop(std::fs::remove_file(&fresh)))?;
    Ok(Listener { socket: Socket::Unix(socket), _file: Some(file), name: format!("unix:{}", path.display()) })
}

/// Only a socket on which nobody listens may be replaced.
fn check_free(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("there is something that is no socket: remove it"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// Our socket in the file system.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever has replaced it since needs it.
        let own = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if own {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_addresses() {
        for good in [
            ":0",
            ":9100",
            "127.0.0.1:1",
            "localhost:9100",
            "[::1]:65535",
            "unix:/run/x.sock",
            "host-1.example.:80",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "9100",
            ":abc",
            ":65536",
            "::1:9100",
            "[::1:9",
            "[x]:9",
            "x:19993/foo",
            "http://h:1",
            "unix:x",
            "vsock:1",
            "",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}

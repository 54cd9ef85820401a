//! Opening connections: address, policy, TLS, login. All within the caller's deadline.

use exporter_core::probe::TargetPolicy;
use exporter_core::{Lookups, Secret};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, IntoConnectionInfo as _, RedisConnectionInfo};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::login::Login;
use crate::target::{Place, Target};
use crate::tls::Tls;
use crate::trouble::{Cause, Trouble};
use crate::wire::{Lent, Stream, Wire};

/// For each of a name's addresses but the last.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(1);

/// Everything about reaching one server.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) target: Target,
    pub(crate) login: Login,
    pub(crate) tls: Tls,
    /// Set where a URL names the target: who may be asked, and who may get configured credentials.
    pub(crate) policy: Option<TargetPolicy>,
    pub(crate) lookups: Lookups,
}

impl Access {
    /// The same way in, to another server.
    pub(crate) fn at(&self, host: &str, port: u16) -> Self {
        Self { target: self.target.at(host, port), ..self.clone() }
    }

    /// A connection for commands.
    pub(crate) async fn connect(&self) -> Result<Wire, Trouble> {
        let (stream, trusted) = self.stream().await?;
        let info = self.info(trusted).await?;
        // Deadlines are the callers': the library's own half second would call a busy server dead.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (lent, lender) = Lent::new(stream);
        let logged_in = MultiplexedConnection::new_with_config(&info, lent, config).await;
        drop(logged_in.map_err(|error| Trouble::redis(&error))?);
        let stream = lender.back().ok_or_else(|| Trouble::new(Cause::Io, "the login has not ended"))?;
        Ok(Wire::new(stream))
    }

    /// A connection for messages.
    pub(crate) async fn subscribe(&self, pattern: &str) -> Result<PubSub, Trouble> {
        let (stream, trusted) = self.stream().await?;
        let failed = |error| Trouble::redis(&error);
        let mut messages = PubSub::new(&self.info(trusted).await?, stream).await.map_err(failed)?;
        messages.psubscribe(pattern).await.map_err(failed)?;
        Ok(messages)
    }

    async fn info(&self, trusted: bool) -> Result<RedisConnectionInfo, Trouble> {
        let login = if self.login.reads_file() {
            let (login, target) = (self.login.clone(), self.target.clone());
            self.aside(move || login.of(&target, trusted)).await?
        } else {
            self.login.of(&self.target, trusted)
        };
        let (user, password) = login.map_err(|error| Trouble::new(Cause::Auth, error.to_string()))?;
        // CLIENT SETINFO would be an error to servers before 7.2 and to users without the right, and errors are counted.
        let mut info = "redis://x"
            .into_connection_info()
            .map_err(|error| Trouble::redis(&error))?
            .redis_settings()
            .clone()
            .set_skip_set_lib_name()
            .set_db(self.target.db);
        if let Some(password) = password.as_ref().map(Secret::expose).filter(|text| !text.is_empty()) {
            info = info.set_password(password);
            if let Some(user) = user {
                info = info.set_username(user);
            }
        }
        Ok(info)
    }

    /// Reads files where that keeps nobody from being served.
    async fn aside<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let read = self.lookups.read(move || Ok(read())).await;
        read.map_err(|error| Trouble::new(Cause::Io, format!("reading files: {error}")))
    }

    /// The stream, and whether configured credentials may go over it.
    async fn stream(&self) -> Result<(Box<dyn Stream>, bool), Trouble> {
        let (host, port) = match &self.target.place {
            Place::Unix(_) if self.policy.is_some() => {
                return Err(Trouble::new(Cause::Policy, "sockets of this host are not for others to name"));
            }
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| Trouble::connecting(&error))?;
                return Ok((Box::new(stream), true));
            }
            Place::Tcp { host, port } => (host.as_str(), *port),
        };
        let (stream, trusted) = self.tcp(host, port).await?;
        if !self.target.tls {
            return Ok((Box::new(stream), trusted));
        }
        let name = if self.tls.server_name.is_empty() { host } else { &self.tls.server_name };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Trouble::new(Cause::Tls, "the host is no name a certificate could have"))?;
        let tls = self.tls.clone();
        let connector = self.aside(move || tls.connector()).await?;
        let connector = connector.map_err(|error| Trouble::new(Cause::Tls, error.to_string()))?;
        let stream = connector.connect(name, stream).await.map_err(|error| Trouble::tls(&error))?;
        Ok((Box::new(stream), trusted))
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<(TcpStream, bool), Trouble> {
        let addresses = self.lookups.find(host, port).await;
        let addresses = addresses.map_err(|_| Trouble::new(Cause::Dns, format!("no address for {host}")))?;
        let mut last = Trouble::new(Cause::Dns, format!("no address for {host}"));
        let count = addresses.len();
        for (at, address) in addresses.into_iter().enumerate() {
            let trusted = match &self.policy {
                None => true,
                Some(policy) => match policy.admit(host, address) {
                    Ok(admitted) => admitted.listed,
                    Err(refused) => {
                        last = Trouble::new(Cause::Policy, refused.to_string());
                        continue;
                    }
                },
            };
            match reach(address, at + 1 == count).await {
                Ok(stream) => {
                    // Commands are small and each waits for its answer.
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, trusted));
                }
                Err(error) => last = Trouble::connecting(&error),
            }
        }
        Err(last)
    }
}

/// One of a name's addresses. The caller's deadline is for all of them, so one that says nothing leaves time for the next.
async fn reach(address: SocketAddr, is_last: bool) -> io::Result<TcpStream> {
    if is_last {
        return TcpStream::connect(address).await;
    }
    let silent = || io::Error::from(io::ErrorKind::TimedOut);
    timeout(ONE_OF_SEVERAL, TcpStream::connect(address)).await.unwrap_or_else(|_| Err(silent()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A listener whose queue is full, as silent as a host that is not there; with what fills it.
    fn silent() -> (TcpListener, Vec<std::net::TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_millis(300);
        let waiting = std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&address, patience).ok());
        let waiting = waiting.take(10_000).collect();
        (listener, waiting)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_address_that_says_nothing_leaves_time_for_the_next() {
        let (silent, _waiting) = silent();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = reach(silent.local_addr().unwrap(), false).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(reach(good.local_addr().unwrap(), false).await.is_ok());
    }
}

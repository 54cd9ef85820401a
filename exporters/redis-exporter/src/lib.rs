//! Redis and Valkey under redis_exporter's names, and the queues they hold.
//!
//! `session` keeps a connection, a `wire`, and knows what its server can do; `server` asks everything that touches no key, in one
//! round trip; `info` gives the longest answer its meaning. `keyspace`
//! asks everything that does touch keys, over a connection of its own: `keys` and `queues`. `peer` translates redis_exporter's command line.
#![forbid(unsafe_code)]

mod config;
mod connect;
mod discover;
mod families;
mod info;
mod keys;
mod keyspace;
mod login;
mod peer;
mod queues;
mod replies;
mod reply;
mod server;
mod session;
mod sources;
mod target;
mod tls;
mod trouble;
mod wire;

pub use peer::arguments;

use exporter_core::{Discovered, Exporter};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The Redis exporter.
pub static EXPORTER: Exporter = Exporter {
    name: "redis",
    namespace: "redis",
    default_port: 9121,
    about: "Redis and Valkey metrics under redis_exporter's names, and the queues they hold.",
    collectors: sources::collectors,
    flags: sources::flags,
    sources: sources::sources,
    probes: sources::probes,
    discover,
};

fn discover() -> Result<Discovered, String> {
    found(
        |name| std::env::var(name).ok(),
        |place| TcpStream::connect_timeout(&place, Duration::from_millis(200)).map(drop),
    )
}

/// A server where the environment says, or at the usual place of this host; with what else the environment says of it.
fn found(
    variable: impl Fn(&str) -> Option<String>,
    look: impl Fn(SocketAddr) -> std::io::Result<()>,
) -> Result<Discovered, String> {
    let mut settings = peer::environment(variable);
    let address = match settings.iter().find(|(flag, _)| flag == "redis.addr") {
        Some((_, address)) => address.clone(),
        None => {
            let place = SocketAddr::from((Ipv4Addr::LOCALHOST, 6379));
            look(place).map_err(|error| format!("no REDIS_ADDR in the environment, and {place}: {error}"))?;
            let address = format!("redis://{place}");
            settings.push(("redis.addr".to_owned(), address.clone()));
            address
        }
    };
    // The address may hold a password. One that makes no sense is told when it is used.
    let shown =
        target::Target::parse(&address).map_or_else(|_| "$REDIS_ADDR".to_owned(), |target| target.uri());
    Ok(Discovered { what: format!("the server {shown}"), settings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_asked_with_the_credentials_of_the_environment() {
        let password = |name: &str| (name == "REDIS_PASSWORD").then(|| "hunter2".to_owned());
        let local = found(password, |_| Ok(())).unwrap();
        assert_eq!(local.what, "the server redis://127.0.0.1:6379");
        assert!(local.settings.contains(&("redis.password".to_owned(), "hunter2".to_owned())));
        let named = |name: &str| (name == "REDIS_ADDR").then(|| "redis://u:hunter2@cache:7000/1".to_owned());
        let nobody = |_| Err(std::io::Error::other("closed"));
        assert_eq!(found(named, nobody).unwrap().what, "the server redis://cache:7000");
        assert!(found(|_| None, nobody).unwrap_err().contains("no REDIS_ADDR"));
    }
}

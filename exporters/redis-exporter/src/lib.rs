//! Redis and Valkey under redis_exporter's names, and the queues they hold.
//!
//! `session` keeps a connection and knows what its server can do; `server` asks everything that touches no key, in one
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
mod reply;
mod server;
mod session;
mod sources;
mod target;
mod tls;
mod trouble;

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

/// A server at the usual place of this host, or where the environment says.
fn discover() -> Result<Discovered, String> {
    let address = match std::env::var("REDIS_ADDR") {
        Ok(address) if !address.is_empty() => address,
        _ => {
            let place = SocketAddr::from((Ipv4Addr::LOCALHOST, 6379));
            TcpStream::connect_timeout(&place, Duration::from_millis(200))
                .map_err(|error| format!("no REDIS_ADDR in the environment, and {place}: {error}"))?;
            format!("redis://{place}")
        }
    };
    let settings = vec![("redis.addr".to_owned(), address)];
    Ok(Discovered { what: "a Redis server".to_owned(), settings })
}

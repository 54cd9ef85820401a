//! Addresses of names, without letting one exporter's names hold up all others.

mod hosts;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Names that one exporter has looked up at the same time.
const MAX_LOOKUPS: usize = 32;
/// Files that one exporter reads at the same time.
const MAX_READS: usize = 16;

/// Asks the system's resolver, and reads files; clones share its bounds. The resolver blocks a thread until it gives up,
/// however long ago those who asked have left, and so does a file system that hangs; other exporters, passwords and
/// reloads need threads too, most of all then.
#[derive(Clone, Debug)]
pub struct Lookups {
    names: Arc<Semaphore>,
    files: Arc<Semaphore>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { names: Arc::new(Semaphore::new(MAX_LOOKUPS)), files: Arc::new(Semaphore::new(MAX_READS)) }
    }
}

impl Lookups {
    /// The addresses of a host, be it one already, with the port. It takes as long as it takes: bring a deadline.
    ///
    /// # Errors
    /// What the resolver says.
    pub async fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let known = host.parse().map_or_else(|_| hosts::known(host), |address: IpAddr| vec![address]);
        if !known.is_empty() {
            return Ok(known.into_iter().map(|address| SocketAddr::new(address, port)).collect());
        }
        let host = host.to_owned();
        aside(&self.names, move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
    }

    /// Reads small files, such as a secret's. Names that hang do not hold it up.
    ///
    /// # Errors
    /// Those of `read`, or its panic.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        aside(&self.files, read).await
    }
}

/// A thread of the runtime's is held as long as the call takes, and so is its place.
async fn aside<T: Send + 'static>(
    places: &Arc<Semaphore>,
    call: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let work = tokio::task::spawn_blocking(move || {
        let result = call();
        drop(place);
        result
    });
    work.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::time::timeout;

    #[test]
    fn names_that_hang_leave_threads_for_others() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(MAX_LOOKUPS + 1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let lookups = Lookups::default();
            let (gate, closed) = mpsc::channel::<()>();
            let closed = Arc::new(std::sync::Mutex::new(closed));
            for _ in 0..3 * MAX_LOOKUPS {
                let closed = closed.clone();
                let hangs = aside(&lookups.names, move || {
                    let _ = closed.lock().unwrap().recv();
                    Ok(())
                });
                // Who asked leaves, the thread stays.
                assert!(timeout(Duration::from_millis(1), hangs).await.is_err());
            }
            let read = timeout(Duration::from_secs(20), lookups.read(|| Ok(6))).await;
            assert_eq!(read.unwrap().unwrap(), 6);
            let other = tokio::task::spawn_blocking(|| 7);
            assert_eq!(timeout(Duration::from_secs(20), other).await.unwrap().unwrap(), 7);
            drop(gate);
            assert_eq!(aside(&lookups.names, || Ok(8)).await.unwrap(), 8);
        });
    }

    #[test]
    fn addresses_and_names_of_this_host_need_no_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let names = Arc::new(Semaphore::new(0));
            let lookups = Lookups { names, ..Lookups::default() };
            for host in ["127.0.0.1", "::1", "localhost"] {
                let found = timeout(Duration::from_secs(20), lookups.find(host, 7)).await.unwrap().unwrap();
                assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
                assert!(!found.is_empty(), "{host}");
            }
        });
    }
}

//! Instances on ports of their own, where scrape configs made for a peer find them at the peer's paths.

use hyper::Request;
use hyper::http::uri::{PathAndQuery, Uri};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::serve::accept;
use super::{App, Instance, Listener};
use crate::exporter::ConfigError;

/// Where a peer has its page.
const PAGE: &str = "/metrics";

/// Whose port it is: names of an exporter and of its instance. A reload may give the port to another one, or close it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner(Arc<Mutex<Option<(String, String)>>>);

impl Owner {
    fn of(instance: &Instance) -> Self {
        let owner = Self::default();
        owner.give_to(instance);
        owner
    }

    fn give_to(&self, instance: &Instance) {
        let names = (instance.exporter.name.to_owned(), instance.name.clone());
        *self.lock() = Some(names);
    }

    /// The port is closed: connections that came in by it are of no use any more.
    fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request as it would be on the port that all share; what the instance does not serve stays as it is. `None`
    /// where the port is closed.
    pub(crate) fn shared<B>(&self, app: &App, mut request: Request<B>) -> Option<Request<B>> {
        let (exporter, name) = self.lock().clone()?;
        let instances = app.instances();
        let mut instances = instances.iter();
        let instance =
            instances.find(|instance| instance.exporter.name == exporter && instance.name == name)?;
        let path = request.uri().path();
        let beside = instance.beside(path);
        let probed = || instance.probes.iter().any(|probes| probes.path() == path);
        let shared = if path == PAGE {
            instance.path.clone()
        } else if probed() || app.route(&beside).is_some() {
            beside
        } else {
            return Some(request);
        };
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        if let Ok(both) = PathAndQuery::try_from(format!("{shared}{query}")) {
            *request.uri_mut() = Uri::from(both);
        }
        Some(request)
    }
}

/// The ports that are open beside those of the command line.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    open: Vec<Port>,
    /// Tells connections that the server stops; there while it serves.
    stopping: Option<watch::Receiver<bool>>,
}

#[derive(Debug)]
struct Port {
    address: String,
    owner: Owner,
    state: State,
}

#[derive(Debug)]
enum State {
    Bound(Listener),
    Accepting(JoinHandle<()>),
}

impl Ports {
    /// Opens what is not open yet; nobody is served there before [`Ports::keep`].
    ///
    /// # Errors
    /// The first address that cannot be had; then nothing is changed.
    pub(crate) async fn open(&mut self, instances: &[Arc<Instance>]) -> Result<(), ConfigError> {
        let mut fresh = Vec::new();
        for instance in instances {
            for address in &instance.listen {
                if self.open.iter().chain(&fresh).any(|port| port.address == *address) {
                    continue;
                }
                let listener = Listener::bind(address).await.map_err(|error| {
                    let (exporter, name) = (instance.exporter.name, &instance.name);
                    ConfigError::new(format!(
                        "{exporter} {name:?}: cannot listen on {address}: {error}; choose another HOST:PORT (or :PORT)"
                    ))
                })?;
                let state = State::Bound(listener);
                fresh.push(Port { address: address.clone(), owner: Owner::of(instance), state });
            }
        }
        self.open.append(&mut fresh);
        Ok(())
    }

    /// Serves on the open ports of these instances and closes the others.
    pub(crate) fn keep(&mut self, app: &Arc<App>, instances: &[Arc<Instance>]) {
        self.open.retain(|port| {
            let owner = instances.iter().find(|instance| instance.listen.contains(&port.address));
            match (owner, &port.state) {
                (Some(owner), _) => port.owner.give_to(owner),
                (None, state) => {
                    port.owner.close();
                    if let State::Accepting(task) = state {
                        task.abort();
                    }
                }
            }
            owner.is_some()
        });
        let Some(stopping) = &self.stopping else { return };
        for port in std::mem::take(&mut self.open) {
            let Port { address, owner, state } = port;
            let state = match state {
                State::Bound(listener) => {
                    tracing::info!(url = format!("{}://{listener}{PAGE}", app.scheme()), "serving");
                    let accepting = accept(listener, Some(owner.clone()), app.clone(), stopping.clone());
                    State::Accepting(tokio::spawn(accepting))
                }
                accepting => accepting,
            };
            self.open.push(Port { address, owner, state });
        }
    }

    /// From now on the ports that are kept are served.
    pub(crate) fn begin(&mut self, stopping: watch::Receiver<bool>) {
        self.stopping = Some(stopping);
    }

    /// Closes all.
    pub(crate) async fn close(&mut self) {
        self.stopping = None;
        for port in self.open.drain(..) {
            if let State::Accepting(task) = port.state {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

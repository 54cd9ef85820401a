//! What a port shows: all instances, each at its path, or the one that has the port for itself, at the peer's paths.

use std::sync::Arc;

use super::{App, Instance};
use crate::probe::Probes;
use crate::route::Route;

/// Where a peer has its page.
pub(crate) const PAGE: &str = "/metrics";

/// The instances that a request can reach.
#[derive(Debug)]
pub(crate) struct View {
    instances: Arc<[Arc<Instance>]>,
    /// There is but one, at the peer's paths, and nothing of the process.
    pub(crate) is_own: bool,
}

impl View {
    pub(crate) fn all(app: &App) -> Self {
        Self { instances: app.instances(), is_own: false }
    }

    pub(crate) fn of(instance: Arc<Instance>) -> Self {
        Self { instances: Arc::new([instance]), is_own: true }
    }

    /// The instances and the paths of their pages.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (&Arc<Instance>, &str)> {
        self.instances
            .iter()
            .map(|instance| (instance, if self.is_own { PAGE } else { instance.path.as_str() }))
    }

    /// The probes at this path, and whose they are.
    pub(crate) fn probes(&self, path: &str) -> Option<(&Arc<Instance>, &Probes)> {
        self.pages().find_map(|(instance, page)| {
            let probes = instance.probes.iter().find(|probes| below(page, path) == Some(probes.path()));
            Some((instance, probes?))
        })
    }

    /// The route at this path, and what follows its own path.
    pub(crate) fn route<'a>(&self, path: &'a str) -> Option<(Route, &'a str)> {
        self.pages().find_map(|(instance, page)| {
            let below = below(page, path)?;
            let of_probes = instance.probes.iter().flat_map(Probes::routes);
            instance.registry.routes().iter().chain(of_probes).find_map(|route| {
                let rest = below.strip_prefix(route.path)?;
                let fits = if route.path.ends_with('/') { !rest.is_empty() } else { rest.is_empty() };
                fits.then(|| (route.clone(), rest))
            })
        })
    }

    /// What is said where there is nothing.
    pub(crate) fn nothing(&self) -> String {
        match &*self.instances {
            [one] if self.is_own => format!(
                "nothing here; this port is that of {} {:?} alone, with its page at {PAGE}; \
                 at the common address that is {}, and / lists all\n",
                one.exporter.name, one.name, one.path
            ),
            _ => "nothing here; / lists what is served\n".to_owned(),
        }
    }
}

/// What of a path stands beside a page: `/scrape` of `/redis/main/scrape` beside `/redis/main/metrics`.
fn below<'a>(page: &str, path: &'a str) -> Option<&'a str> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    path.strip_prefix(folder)
}

//! What pages show: nothing here asks a server.

mod expectations;
mod groups;
pub(crate) mod list;
mod operations;
mod probes;
mod settings;
mod usage;

use exporter_core::{CollectError, CollectFuture, Collector, Scrape, Sink, Source};
use std::sync::Arc;

use crate::engine::Engine;
use crate::labelled::At;
use crate::pass::snapshot::Snapshot;
use crate::pass::watcher::Watcher;

pub(crate) static ALL: [&Collector; 7] = [
    &list::LIST,
    &usage::USAGE,
    &groups::GROUPS,
    &expectations::EXPECTATIONS,
    &operations::OPERATIONS,
    &probes::PROBES,
    &settings::SETTINGS,
];

/// Shows what the engine knows, and starts it with the first scrape.
pub(crate) struct Shown(pub(crate) Arc<Engine>);

/// A target with what is known of it.
pub(crate) struct Known<'a> {
    pub(crate) watcher: &'a Watcher,
    pub(crate) at: At<'a>,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(watcher: &'a Watcher, several: bool) -> Self {
        let at = several.then_some(watcher.endpoint.config.name.as_str());
        Self { watcher, at, snapshot: watcher.lock().snapshot.clone() }
    }
}

impl Source for Shown {
    fn collect<'a>(&'a mut self, _: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            let engine = &self.0;
            engine.start().map_err(CollectError::failed)?;
            let shared = &engine.shared;
            let several = shared.endpoints.len() > 1;
            let (watchers, settings, usages) = {
                let targets = shared.targets();
                (targets.watchers.clone(), targets.settings.clone(), targets.usages.clone())
            };
            let known: Vec<_> = watchers.iter().map(|watcher| Known::new(watcher, several)).collect();
            sink.collector(&list::LIST, |page| {
                known.iter().for_each(|known| list::put(page, known));
                list::put_state(page, shared);
                Ok(())
            });
            sink.collector(&usage::USAGE, |page| {
                known.iter().for_each(|known| usage::put(page, known));
                usages.iter().for_each(|usage| usage::put_measured(page, usage, several));
                Ok(())
            });
            sink.collector(&groups::GROUPS, |page| {
                known.iter().for_each(|known| groups::put(page, known));
                Ok(())
            });
            sink.collector(&expectations::EXPECTATIONS, |page| {
                known.iter().for_each(|known| expectations::put(page, known));
                Ok(())
            });
            sink.collector(&operations::OPERATIONS, |page| {
                shared.endpoints.iter().for_each(|endpoint| operations::put(page, endpoint, several));
                Ok(())
            });
            sink.collector(&probes::PROBES, |page| {
                shared.probers.iter().for_each(|prober| probes::put(page, prober, several));
                Ok(())
            });
            sink.collector(&settings::SETTINGS, |page| {
                settings.iter().for_each(|one| settings::put(page, one, several));
                shared.buckets.iter().for_each(|one| settings::put_count(page, one, several));
                Ok(())
            });
            Ok(())
        })
    }
}

//! Buckets that an account has: counted, and watched where that is wished.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::AbortHandle;

use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};
use crate::config::file::{Discover, Target};
use crate::config::watching;
use crate::engine::Shared;

/// Buckets that are watched without being named, at most.
const MAX_BUCKETS: usize = 1000;

#[derive(Debug)]
pub(crate) struct Buckets {
    pub(crate) endpoint: Arc<Endpoint>,
    at: usize,
    discover: Discover,
    found: Mutex<Option<Found>>,
}

/// How many there were the last time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) count: u64,
    /// That would be watched if they were not too many; `None` where none are.
    pub(crate) dropped: Option<u64>,
}

impl Buckets {
    pub(crate) fn new(endpoint: Arc<Endpoint>, at: usize, discover: Discover) -> Self {
        Self { endpoint, at, discover, found: Mutex::default() }
    }

    pub(crate) fn found(&self) -> Option<Found> {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at its interval, for ever.
    pub(crate) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let configured: BTreeSet<String> = {
            let targets = shared.targets();
            let own =
                targets.watchers.iter().filter(|watcher| Arc::ptr_eq(&watcher.endpoint, &self.endpoint));
            own.map(|watcher| watcher.watching.bucket.clone()).collect()
        };
        let mut watched: BTreeMap<String, Vec<AbortHandle>> = BTreeMap::new();
        let mut ticks =
            tokio::time::interval(self.discover.interval.0.max(std::time::Duration::from_secs(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let names = match buckets(&self.endpoint).await {
                Ok(names) => names,
                Err(failure) => {
                    tracing::warn!(endpoint = self.endpoint.config.name, %failure, "buckets cannot be listed");
                    continue;
                }
            };
            let count = names.len() as u64;
            let wanted: BTreeSet<String> = match self.discover.target {
                Some(_) => names.into_iter().filter(|name| self.is_wanted(name)).collect(),
                None => BTreeSet::new(),
            };
            watched.retain(|bucket, tasks| wanted.contains(bucket) || self.leave(&shared, bucket, tasks));
            let mut dropped = 0;
            for bucket in wanted.difference(&configured) {
                if watched.contains_key(bucket) {
                    continue;
                }
                if watched.len() >= MAX_BUCKETS {
                    dropped += 1;
                } else if let Some(tasks) = self.watch(&shared, bucket) {
                    watched.insert(bucket.clone(), tasks);
                }
            }
            // What was stored of others is of no use any more.
            shared.state.forget(&self.endpoint.config.name);
            let dropped = self.discover.target.is_some().then_some(dropped);
            *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Found { count, dropped });
        }
    }

    fn watch(&self, shared: &Arc<Shared>, bucket: &str) -> Option<Vec<AbortHandle>> {
        let target = Target {
            endpoint: self.endpoint.config.name.clone(),
            bucket: bucket.to_owned(),
            prefix: String::new(),
            watch: self.discover.target.clone()?,
        };
        match watching(self.at, target) {
            Ok(watching) => Some(shared.watch(&self.endpoint, watching)),
            Err(error) => {
                tracing::warn!(error, "a bucket that was found cannot be watched");
                None
            }
        }
    }

    /// Of a bucket that is gone nothing is shown: it was removed on purpose, and nobody is to be told of it for ever.
    fn leave(&self, shared: &Shared, bucket: &str, tasks: &[AbortHandle]) -> bool {
        tracing::warn!(bucket, "a bucket that was found before is gone; it is not watched any more");
        tasks.iter().for_each(AbortHandle::abort);
        shared.targets().remove(&self.endpoint, bucket);
        false
    }

    fn is_wanted(&self, bucket: &str) -> bool {
        self.discover.include.as_ref().is_none_or(|include| include.fits(bucket))
            && !self.discover.exclude.as_ref().is_some_and(|exclude| exclude.fits(bucket))
    }
}

/// Names of all buckets that the keys may see.
pub(crate) async fn buckets(endpoint: &Endpoint) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = endpoint
            .call(Operation::ListBuckets, "", Spend::Budgeted, |client| {
                client.list_buckets().set_continuation_token(token.clone()).send()
            })
            .await?;
        names.extend(page.buckets().iter().filter_map(|bucket| bucket.name()).map(str::to_owned));
        let next = page.continuation_token().filter(|next| !next.is_empty()).map(str::to_owned);
        if next.is_none() {
            return Ok(names);
        }
        if next == token {
            return Err(Failure::new("token_loop", "the server gives the same page of buckets again"));
        }
        token = next;
    }
}

//! Buckets that an account has: counted, and watched where that is wished.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

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
    count: Mutex<Option<u64>>,
}

impl Buckets {
    pub(crate) fn new(endpoint: Arc<Endpoint>, at: usize, discover: Discover) -> Self {
        Self { endpoint, at, discover, count: Mutex::default() }
    }

    /// How many there were the last time.
    pub(crate) fn count(&self) -> Option<u64> {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at its interval, for ever.
    pub(crate) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut watched: BTreeSet<String> = {
            let targets = shared.targets();
            let own =
                targets.watchers.iter().filter(|watcher| Arc::ptr_eq(&watcher.endpoint, &self.endpoint));
            own.map(|watcher| watcher.watching.bucket.clone()).collect()
        };
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
            *self.count.lock().unwrap_or_else(PoisonError::into_inner) = Some(names.len() as u64);
            let Some(watch) = &self.discover.target else { continue };
            for bucket in names {
                if !self.is_wanted(&bucket) || watched.len() >= MAX_BUCKETS || !watched.insert(bucket.clone())
                {
                    continue;
                }
                let (endpoint, prefix) = (self.endpoint.config.name.clone(), String::new());
                let target = Target { endpoint, bucket, prefix, watch: watch.clone() };
                match watching(self.at, target) {
                    Ok(watching) => shared.watch(&self.endpoint, watching),
                    Err(error) => tracing::warn!(error, "a bucket that was found cannot be watched"),
                }
            }
        }
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

//! What a bucket is set to: asked for every hour, and no error where a server has nothing of the kind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};

/// Lifecycle rules with series of their own, a bucket.
const MAX_RULES: usize = 100;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) region: Option<String>,
    pub(crate) is_versioned: Option<bool>,
    /// `None` where it cannot be known; none where there are none.
    pub(crate) lifecycle: Option<Vec<Rule>>,
    pub(crate) replication_rules: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) prefix: String,
    pub(crate) expiration_days: Option<i32>,
    pub(crate) abort_multipart_days: Option<i32>,
}

#[derive(Debug)]
pub(crate) struct BucketSettings {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) bucket: String,
    facts: Mutex<Option<Facts>>,
}

impl BucketSettings {
    pub(crate) fn new(endpoint: Arc<Endpoint>, bucket: String) -> Self {
        Self { endpoint, bucket, facts: Mutex::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Facts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn look(&self) {
        let facts = Facts {
            is_versioned: known("versioning", &self.bucket, self.versioning().await),
            lifecycle: known("lifecycle", &self.bucket, self.lifecycle().await),
            replication_rules: known("replication", &self.bucket, self.replication().await),
            // Last: it comes without a body, in which the others may have been told where the bucket is.
            region: self.region().await,
        };
        *self.lock() = Some(facts);
    }

    async fn region(&self) -> Option<String> {
        let result = self
            .endpoint
            .call(Operation::HeadBucket, &self.bucket, Spend::Budgeted, |client| {
                client.head_bucket().bucket(&self.bucket).send()
            })
            .await;
        let told = match result {
            Ok(head) => head.bucket_region().map(str::to_owned),
            Err(failure) => failure.region,
        };
        match told {
            Some(region) => {
                self.endpoint.learn(&self.bucket, &region);
                Some(region)
            }
            None => self.endpoint.learnt(&self.bucket),
        }
    }

    async fn versioning(&self) -> Result<Option<bool>, Failure> {
        let answer = self
            .endpoint
            .optional(Operation::GetBucketVersioning, &self.bucket, |client| {
                client.get_bucket_versioning().bucket(&self.bucket).send()
            })
            .await?;
        Ok(answer.map(|answer| answer.status().is_some_and(|status| status.as_str() == "Enabled")))
    }

    async fn lifecycle(&self) -> Result<Option<Vec<Rule>>, Failure> {
        let answer = self
            .endpoint
            .optional(Operation::GetBucketLifecycle, &self.bucket, |client| {
                client.get_bucket_lifecycle_configuration().bucket(&self.bucket).send()
            })
            .await;
        let answer = match answer {
            Err(failure) if failure.is_nothing(Operation::GetBucketLifecycle) => return Ok(Some(Vec::new())),
            other => other?,
        };
        let Some(answer) = answer else { return Ok(None) };
        let enabled = answer.rules().iter().filter(|rule| rule.status().as_str() == "Enabled");
        let rules = enabled.take(MAX_RULES).enumerate().map(|(at, rule)| {
            let filter = rule
                .filter()
                .and_then(|filter| filter.prefix().or_else(|| filter.and().and_then(|and| and.prefix())));
            #[expect(deprecated, reason = "servers still answer with the old form")]
            let prefix = filter.or(rule.prefix()).unwrap_or_default();
            Rule {
                id: rule.id().map_or_else(|| format!("rule-{}", at + 1), str::to_owned),
                prefix: prefix.to_owned(),
                expiration_days: rule.expiration().and_then(|expiration| expiration.days()),
                abort_multipart_days: rule
                    .abort_incomplete_multipart_upload()
                    .and_then(|abort| abort.days_after_initiation()),
            }
        });
        Ok(Some(rules.collect()))
    }

    async fn replication(&self) -> Result<Option<u64>, Failure> {
        let answer = self
            .endpoint
            .optional(Operation::GetBucketReplication, &self.bucket, |client| {
                client.get_bucket_replication().bucket(&self.bucket).send()
            })
            .await;
        match answer {
            Err(failure) if failure.is_nothing(Operation::GetBucketReplication) => Ok(Some(0)),
            other => Ok(other?.map(|answer| {
                answer.replication_configuration().map_or(0, |config| config.rules().len() as u64)
            })),
        }
    }
}

fn known<T>(what: &str, bucket: &str, result: Result<Option<T>, Failure>) -> Option<T> {
    result.unwrap_or_else(|failure| {
        tracing::debug!(bucket, what, %failure, "cannot be known");
        None
    })
}

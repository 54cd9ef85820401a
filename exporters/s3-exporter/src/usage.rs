//! How much a bucket holds by another source than a list: for buckets that would be too dear to list.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::Endpoint;
use crate::client::failure::Failure;

/// When it has failed, it is tried again sooner than at its interval.
const AGAIN: Duration = Duration::from_secs(900);

/// What a source says of a whole bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// When, in seconds since 1970, by the source's word.
    pub(crate) at: f64,
    /// By storage class, old versions and parts of uploads included.
    pub(crate) bytes: Vec<(String, f64)>,
    pub(crate) objects: Option<f64>,
}

#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) bucket: String,
    interval: Duration,
    measured: Mutex<Option<Measured>>,
}

impl Usage {
    pub(crate) fn new(endpoint: Arc<Endpoint>, bucket: String, interval: Duration) -> Self {
        Self { endpoint, bucket, interval, measured: Mutex::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Measured>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks at its interval, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let pause = match measure(&self.endpoint, &self.bucket).await {
                Ok(measured) => {
                    *self.lock() = Some(measured);
                    self.interval
                }
                Err(failure) => {
                    tracing::warn!(bucket = self.bucket, %failure, "CloudWatch does not tell the bucket's size");
                    self.interval.min(AGAIN)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(feature = "cloudwatch")]
async fn measure(endpoint: &Endpoint, bucket: &str) -> Result<Measured, Failure> {
    crate::cloudwatch::measure(endpoint, bucket).await
}

/// The configuration refuses it before.
#[cfg(not(feature = "cloudwatch"))]
async fn measure(_: &Endpoint, _: &str) -> Result<Measured, Failure> {
    Err(Failure::new("request", "built without the feature cloudwatch"))
}

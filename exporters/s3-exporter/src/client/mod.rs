//! Clients of an endpoint: every request goes through [`Endpoint::call`], which counts, times, retries and learns regions.

pub(crate) mod credentials;
pub(crate) mod failure;
pub(crate) mod limits;
pub(crate) mod meters;
pub(crate) mod operation;
pub(crate) mod taken;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use exporter_core::ConfigError;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

use crate::config::file;
use failure::Failure;
use limits::{Budget, Retries};
use meters::Meters;
use operation::Operation;

/// Regions of buckets that are remembered.
const MAX_REGIONS: usize = 1000;
/// Requests of passes under way at once: however many targets there are, neither this process nor the server is flooded.
const PASSING: usize = 8;
/// Requests that were refused and are remembered.
const MAX_REFUSED: usize = 10_000;
/// What was refused is not asked for again before.
const AGAIN: Duration = Duration::from_secs(86_400);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Whether a request may be left out when the day's requests are used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spend {
    /// A pass: it waits for tomorrow.
    Budgeted,
    /// A probe: it says whether the storage is there at all.
    Always,
}

/// One server, or AWS.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) config: file::Endpoint,
    pub(crate) meters: Meters,
    pub(crate) budget: Budget,
    http: SharedHttpClient,
    credentials: Option<SharedCredentialsProvider>,
    retries: Retries,
    passing: Semaphore,
    /// One a region.
    clients: Mutex<BTreeMap<String, Client>>,
    /// Requests that were refused, and when.
    refused: Mutex<BTreeMap<(Operation, String), Instant>>,
    /// Where buckets are that are not where the configuration says.
    regions: Mutex<BTreeMap<String, String>>,
}

impl Endpoint {
    pub(crate) fn new(config: &file::Endpoint) -> Result<Self, ConfigError> {
        let mut builder =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        if let Some(path) = &config.ca_file {
            let failed = |why: String| {
                ConfigError::new(format!("endpoint {}: ca_file {}: {why}", config.name, path.display()))
            };
            let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
            if !pem.windows(11).any(|part| part == b"-----BEGIN ") {
                return Err(failed("no certificate in it: give a PEM file".to_owned()));
            }
            let trusted = TrustStore::empty().with_pem_certificate(pem);
            let context = TlsContext::builder()
                .with_trust_store(trusted)
                .build()
                .map_err(|error| failed(error.to_string()))?;
            builder = builder.tls_context(context);
        }
        // Idle connections would be kept for 90 s each; between passes they are of no use.
        let http = builder.pool_idle_timeout(Duration::from_secs(20)).pool_max_idle_per_host(2).build_https();
        let credentials = credentials::provider(&config.name, &config.credentials, &config.region, &http);
        Ok(Self {
            config: config.clone(),
            meters: Meters::default(),
            budget: Budget::new(config.daily_requests),
            http,
            credentials,
            retries: Retries::default(),
            passing: Semaphore::new(PASSING),
            clients: Mutex::default(),
            refused: Mutex::default(),
            regions: Mutex::default(),
        })
    }

    #[cfg(feature = "cloudwatch")]
    pub(crate) fn http(&self) -> SharedHttpClient {
        self.http.clone()
    }

    #[cfg(feature = "cloudwatch")]
    pub(crate) fn credentials(&self) -> Option<&SharedCredentialsProvider> {
        self.credentials.as_ref()
    }

    /// Where a bucket is.
    pub(crate) fn region(&self, bucket: &str) -> String {
        self.learnt(bucket).unwrap_or_else(|| self.config.region.clone())
    }

    /// Where a bucket is that is not where the configuration says.
    pub(crate) fn learnt(&self, bucket: &str) -> Option<String> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned()
    }

    pub(crate) fn learn(&self, bucket: &str, region: &str) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let is_plain = !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if region != self.config.region
            && is_plain
            && (regions.len() < MAX_REGIONS || regions.contains_key(bucket))
        {
            regions.insert(bucket.to_owned(), region.to_owned());
        }
    }

    /// Sends a request that `make` makes, again where that may help.
    ///
    /// # Errors
    /// The last failure.
    pub(crate) async fn call<T, E, F>(
        &self,
        operation: Operation,
        bucket: &str,
        spend: Spend,
        make: impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        E: Into<Failure>,
        F: Future<Output = Result<T, E>>,
    {
        self.call_for(Duration::ZERO, operation, bucket, spend, make).await
    }

    /// The same for a request that may take so much longer than others.
    ///
    /// # Errors
    /// As [`Endpoint::call`].
    pub(crate) async fn call_for<T, E, F>(
        &self,
        longer: Duration,
        operation: Operation,
        bucket: &str,
        spend: Spend,
        make: impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        E: Into<Failure>,
        F: Future<Output = Result<T, E>>,
    {
        let _place = match spend {
            Spend::Budgeted => self.passing.acquire().await.ok(),
            // Others are no reason for a probe to wait.
            Spend::Always => None,
        };
        let begin = Instant::now();
        let result = self.attempts(longer, operation, bucket, spend, make).await;
        match &result {
            // Nothing was sent.
            Err(failure) if failure.code == "budget" => {}
            Err(failure) if failure.is_nothing(operation) => {
                self.meters.done(operation, bucket, begin.elapsed(), None);
            }
            Err(failure) => self.meters.done(operation, bucket, begin.elapsed(), Some(failure)),
            Ok(_) => self.meters.done(operation, bucket, begin.elapsed(), None),
        }
        result
    }

    /// Asks for what is welcome and not needed. Nothing where it was refused before: who lacks a right, or a server that has
    /// nothing of the kind, would else cause an error an hour for ever.
    ///
    /// # Errors
    /// As [`Endpoint::call`].
    pub(crate) async fn optional<T, E, F>(
        &self,
        operation: Operation,
        bucket: &str,
        make: impl Fn(Client) -> F,
    ) -> Result<Option<T>, Failure>
    where
        E: Into<Failure>,
        F: Future<Output = Result<T, E>>,
    {
        let key = (operation, bucket.to_owned());
        let refused = || self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused().get(&key).is_some_and(|when| when.elapsed() < AGAIN) {
            return Ok(None);
        }
        let result = self.call(operation, bucket, Spend::Budgeted, make).await;
        let mut refused = refused();
        match &result {
            Err(failure) if failure.is_refusal() && refused.len() < MAX_REFUSED => {
                tracing::info!(bucket, operation = operation.name(), %failure, "refused; it is not asked for again for a day");
                refused.insert(key, Instant::now());
            }
            _ => {
                refused.remove(&key);
            }
        }
        result.map(Some)
    }

    async fn attempts<T, E, F>(
        &self,
        longer: Duration,
        operation: Operation,
        bucket: &str,
        spend: Spend,
        make: impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        E: Into<Failure>,
        F: Future<Output = Result<T, E>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut moved = false;
        let mut attempt = 1;
        loop {
            if !self.budget.take(spend == Spend::Always) {
                return Err(Failure::new("budget", "today's requests are used up"));
            }
            self.meters.sent(operation.class(self.config.prices));
            let region = self.region(bucket);
            // The SDK has no deadline for a body, and reads most of them within the call.
            let limit = self.config.timeout.0 * 4 / 3 + longer;
            let failure = match tokio::time::timeout(limit, make(self.client(&region))).await {
                Ok(Ok(answer)) => {
                    self.retries.succeeded();
                    return Ok(answer);
                }
                Ok(Err(error)) => error.into(),
                Err(_) => Failure::new("timeout", format!("no whole answer in {:.1} s", limit.as_secs_f64())),
            };
            if let Some(there) = failure.region.as_ref().filter(|there| **there != region && !moved) {
                moved = true;
                self.learn(bucket, there);
                if self.region(bucket) == *there {
                    continue;
                }
            }
            if attempt >= self.config.attempts || !failure.is_passing() || !self.retries.take(&failure) {
                return Err(failure);
            }
            attempt += 1;
            self.meters.retried(operation, bucket);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// What the SDK calls a read timeout begins with the request: sending a large one is in it.
    pub(crate) fn timeouts(&self, longer: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.config.connect_timeout.0)
            .read_timeout(self.config.timeout.0 + longer)
            .build()
    }

    fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let is_aws = self.config.url.is_empty();
        let checksums = if is_aws {
            (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
        } else {
            // Compatible servers refuse or mishandle trailing checksums.
            (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
        };
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .region(Region::new(region.to_owned()))
            // Ours counts what it sends and stops asking a server that is down.
            .retry_config(RetryConfig::disabled())
            .timeout_config(self.timeouts(Duration::ZERO))
            .request_checksum_calculation(checksums.0)
            .response_checksum_validation(checksums.1)
            .force_path_style(self.config.path_style.unwrap_or(!is_aws));
        if !is_aws {
            config = config.endpoint_url(&self.config.url);
        }
        config = match &self.credentials {
            Some(provider) => config.credentials_provider(provider.clone()),
            None => config.allow_no_auth(),
        };
        let client = Client::from_conf(config.build());
        clients.insert(region.to_owned(), client.clone());
        client
    }
}

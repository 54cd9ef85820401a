//! The file of endpoints, targets and probes, as it is written.

use exporter_core::{Secret, unquoted};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::path::PathBuf;

use super::pattern::Pattern;
use super::values::{Size, Span, Whole};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) targets: Vec<Target>,
    pub(crate) probes: Vec<Probe>,
    /// Keeps what is known of closed partitions, and the day's requests, over a restart.
    pub(crate) state: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// Empty is AWS.
    pub(crate) url: String,
    pub(crate) region: String,
    /// On for every endpoint with a URL of its own, unless this says otherwise.
    pub(crate) path_style: Option<bool>,
    pub(crate) credentials: Credentials,
    /// Trusted instead of the system's authorities.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) prices: Prices,
    /// Where CloudWatch is; empty is the bucket's region of AWS.
    pub(crate) cloudwatch_url: String,
    /// Requests a day; passes are left out beyond it, probes are not.
    pub(crate) daily_requests: Option<u64>,
    /// Without a byte for so long, a request has failed.
    pub(crate) timeout: Span,
    pub(crate) connect_timeout: Span,
    /// Requests of one call, the first included.
    pub(crate) attempts: u32,
    /// Buckets to count, and to watch as targets with these settings.
    pub(crate) discover: Option<Discover>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            region: String::new(),
            path_style: None,
            credentials: Credentials::default(),
            ca_file: None,
            prices: Prices::Aws,
            cloudwatch_url: String::new(),
            daily_requests: None,
            timeout: Span::seconds(15),
            connect_timeout: Span::seconds(3),
            attempts: 3,
            discover: None,
        }
    }
}

/// Whose request classes are counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prices {
    /// list, get, put, head, delete.
    #[default]
    Aws,
    /// a (free), b, c (dear).
    B2,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Credentials {
    pub(crate) source: Source,
    pub(crate) profile: String,
    pub(crate) access_key_id: String,
    pub(crate) access_key_id_file: Option<PathBuf>,
    #[serde(deserialize_with = "secret")]
    pub(crate) secret_access_key: Option<Secret>,
    pub(crate) secret_access_key_file: Option<PathBuf>,
    pub(crate) session_token_file: Option<PathBuf>,
}

/// Where credentials come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// Keys if there are any here, else the profile if one is named, else all sources in the SDK's order.
    #[default]
    Auto,
    Environment,
    Profile,
    WebIdentity,
    Container,
    InstanceMetadata,
    Anonymous,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    // Not `Option<Secret>` by derive: an error must not repeat the text.
    match serde_yaml::Value::deserialize(deserializer)? {
        serde_yaml::Value::Null => Ok(None),
        serde_yaml::Value::String(text) => Ok(Some(Secret::new(text))),
        _ => Err(D::Error::custom("a secret is a text: put it in quotes")),
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Discover {
    pub(crate) include: Option<Whole>,
    pub(crate) exclude: Option<Whole>,
    #[serde(default = "an_hour")]
    pub(crate) interval: Span,
    /// How each bucket found is watched; without it they are only counted.
    pub(crate) target: Option<Watch>,
}

fn an_hour() -> Span {
    Span::seconds(3600)
}

#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) watch: Watch,
}

/// How a bucket or a prefix is watched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Watch {
    pub(crate) interval: Span,
    /// A pass that takes longer is given up.
    pub(crate) timeout: Span,
    /// Pages in flight.
    pub(crate) parallel: usize,
    /// Old versions and delete markers too.
    pub(crate) versions: bool,
    pub(crate) multipart: bool,
    pub(crate) multipart_bytes: bool,
    /// Versioning, lifecycle and replication of the bucket, every hour.
    pub(crate) bucket_settings: bool,
    pub(crate) max_objects: u64,
    /// Off for directory buckets, which list in no order.
    pub(crate) ordered: bool,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) mode: Mode,
    pub(crate) usage: UsageSource,
    /// How often another source than a list is asked.
    pub(crate) usage_interval: Span,
    /// A partition whose date is older is not listed again before the next whole pass.
    pub(crate) closed_after: Span,
    /// How often all is listed, whatever is known.
    pub(crate) verify: Span,
    /// Groups whose newest object is older are left out.
    pub(crate) expect_active: Option<Span>,
    pub(crate) max_groups: usize,
    pub(crate) quota_bytes: Option<Size>,
    pub(crate) quota_objects: Option<u64>,
    pub(crate) expectations: Vec<Expectation>,
}

/// Most pages in flight: each is about a megabyte, which is what hyper reads ahead.
pub(crate) const MAX_PARALLEL: usize = 8;

impl Default for Watch {
    fn default() -> Self {
        Self {
            interval: Span::seconds(900),
            timeout: Span::seconds(1800),
            parallel: 2,
            versions: false,
            multipart: true,
            multipart_bytes: false,
            bucket_settings: true,
            max_objects: 20_000_000,
            ordered: true,
            pattern: None,
            mode: Mode::Auto,
            usage: UsageSource::List,
            usage_interval: Span::seconds(6 * 3600),
            closed_after: Span::seconds(2 * 86_400),
            verify: Span::seconds(86_400),
            expect_active: None,
            max_groups: 1000,
            quota_bytes: None,
            quota_objects: None,
            expectations: Vec::new(),
        }
    }
}

/// How much is listed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// `incremental` where the pattern has a date, else `full`.
    #[default]
    Auto,
    /// Everything, each time.
    Full,
    /// Partitions that may still change; everything once in `verify`.
    Incremental,
    /// Per group the list of dates and the newest of them: no totals.
    Newest,
    /// Nothing: only what the bucket is set to is asked for.
    None,
}

/// Who says how much a bucket holds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UsageSource {
    #[default]
    List,
    /// AWS counts once a day; the bucket is not listed.
    Cloudwatch,
}

/// What must be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    pub(crate) name: String,
    /// Below the target's own.
    #[serde(default)]
    pub(crate) prefix: String,
    /// Of the whole key.
    pub(crate) key: Option<Whole>,
    pub(crate) max_age: Option<Span>,
    pub(crate) min_bytes: Option<Size>,
    /// The newest one against the one before it.
    pub(crate) min_ratio_to_previous: Option<f64>,
    pub(crate) min_count: Option<u64>,
    pub(crate) retention: Option<Span>,
}

/// A bucket that is asked whether it is there, and used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    #[serde(default)]
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    #[serde(default)]
    pub(crate) access: Option<Access>,
    #[serde(default)]
    pub(crate) roundtrip: Option<RoundTrip>,
    #[serde(default)]
    pub(crate) throughput: Option<RoundTrip>,
    #[serde(default)]
    pub(crate) replica: Option<Replica>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Access {
    pub(crate) interval: Span,
    pub(crate) mode: AccessMode,
    /// For `head-object`.
    pub(crate) key: String,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            interval: Span::seconds(60),
            mode: AccessMode::Auto,
            key: ".s3-exporter-probe/access".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessMode {
    /// `head-object` where Backblaze counts requests, else `head-bucket`; `list` where that is refused.
    #[default]
    Auto,
    HeadBucket,
    /// One object; that it is missing is an answer too.
    HeadObject,
    List,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoundTrip {
    pub(crate) interval: Option<Span>,
    pub(crate) size: Option<Size>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replica {
    #[serde(default)]
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    #[serde(default = "a_quarter")]
    pub(crate) interval: Span,
    #[serde(default = "ten_minutes")]
    pub(crate) timeout: Span,
}

fn a_quarter() -> Span {
    Span::seconds(900)
}

fn ten_minutes() -> Span {
    Span::seconds(600)
}

impl<'de> Deserialize<'de> for Target {
    /// `flatten` would cost the place in errors and the check for unknown keys: the two halves are told apart here.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Own {
            #[serde(default)]
            endpoint: String,
            bucket: String,
            #[serde(default)]
            prefix: String,
        }
        let map = serde_yaml::Mapping::deserialize(deserializer)?;
        let is_own = |key: &serde_yaml::Value| matches!(key.as_str(), Some("endpoint" | "bucket" | "prefix"));
        let (own, watch): (serde_yaml::Mapping, serde_yaml::Mapping) =
            map.into_iter().partition(|(key, _)| is_own(key));
        let own: Own = serde_yaml::from_value(own.into())
            .map_err(|error| D::Error::custom(format!("target: {}", unquoted(&error.to_string()))))?;
        let watch = serde_yaml::from_value(watch.into()).map_err(|error| {
            D::Error::custom(format!("target {}: {}", own.bucket, unquoted(&error.to_string())))
        })?;
        Ok(Self { endpoint: own.endpoint, bucket: own.bucket, prefix: own.prefix, watch })
    }
}

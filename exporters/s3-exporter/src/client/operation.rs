//! What is asked of a server.

use crate::config::file::Prices;

#[cfg_attr(not(feature = "cloudwatch"), allow(dead_code, reason = "CloudWatch's are not asked for"))]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Operation {
    DeleteObject,
    GetBucketLifecycle,
    GetBucketReplication,
    GetBucketVersioning,
    GetMetricData,
    GetObject,
    HeadBucket,
    HeadObject,
    ListBuckets,
    ListMetrics,
    ListMultipartUploads,
    ListObjectVersions,
    ListObjects,
    ListParts,
    PutObject,
}

impl Operation {
    /// As the API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::DeleteObject => "DeleteObject",
            Operation::GetBucketLifecycle => "GetBucketLifecycleConfiguration",
            Operation::GetBucketReplication => "GetBucketReplication",
            Operation::GetBucketVersioning => "GetBucketVersioning",
            Operation::GetMetricData => "GetMetricData",
            Operation::GetObject => "GetObject",
            Operation::HeadBucket => "HeadBucket",
            Operation::HeadObject => "HeadObject",
            Operation::ListBuckets => "ListBuckets",
            Operation::ListMetrics => "ListMetrics",
            Operation::ListMultipartUploads => "ListMultipartUploads",
            Operation::ListObjectVersions => "ListObjectVersions",
            Operation::ListObjects => "ListObjectsV2",
            Operation::ListParts => "ListParts",
            Operation::PutObject => "PutObject",
        }
    }

    /// What it is billed as.
    pub(crate) fn class(self, prices: Prices) -> &'static str {
        match (prices, self) {
            (_, Operation::GetMetricData | Operation::ListMetrics) => "cloudwatch",
            (Prices::Aws, Operation::DeleteObject) => "delete",
            (Prices::Aws, Operation::PutObject) => "put",
            (Prices::Aws, Operation::HeadBucket | Operation::HeadObject) => "head",
            (
                Prices::Aws,
                Operation::GetObject
                | Operation::GetBucketLifecycle
                | Operation::GetBucketReplication
                | Operation::GetBucketVersioning,
            ) => "get",
            (Prices::Aws, _) => "list",
            (Prices::B2, Operation::PutObject | Operation::DeleteObject) => "a",
            (Prices::B2, Operation::GetObject | Operation::HeadObject) => "b",
            (Prices::B2, _) => "c",
        }
    }
}

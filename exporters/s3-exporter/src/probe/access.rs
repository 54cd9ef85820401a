//! Whether the bucket answers.

use aws_sdk_s3::primitives::ByteStream;
use std::time::Instant;

use super::Prober;
use crate::client::Spend;
use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::config::file::{Access, AccessMode, Prices};

impl Prober {
    pub(super) async fn access(&self, access: &Access) {
        let begin = Instant::now();
        let mode = match access.mode {
            // HeadBucket is of Backblaze's dearest class, HeadObject is ten times cheaper.
            AccessMode::Auto if self.endpoint.config.prices == Prices::B2 => AccessMode::HeadObject,
            AccessMode::Auto => self.lock().fallback.unwrap_or(AccessMode::HeadBucket),
            mode => mode,
        };
        let mut result = self.ask(mode, access).await;
        if access.mode == AccessMode::Auto
            && mode == AccessMode::HeadBucket
            && let Err(Failure { status: status @ (400 | 403 | 405 | 501), .. }) = result
        {
            // Not allowed to see the bucket itself, maybe to list it.
            result = self.ask(AccessMode::List, access).await;
            // An answer without a body does not say which region is right, a list does: next time the bucket answers.
            if result.is_ok() && status != 400 {
                self.lock().fallback = Some(AccessMode::List);
            }
        }
        self.done("access", begin, result);
    }

    async fn ask(&self, mode: AccessMode, access: &Access) -> Result<(), Failure> {
        let (endpoint, bucket) = (&self.endpoint, &self.bucket);
        match mode {
            AccessMode::Auto | AccessMode::HeadBucket => endpoint
                .call(Operation::HeadBucket, bucket, Spend::Always, |client| {
                    client.head_bucket().bucket(bucket).send()
                })
                .await
                .map(drop),
            AccessMode::List => endpoint
                .call(Operation::ListObjects, bucket, Spend::Always, |client| {
                    client.list_objects_v2().bucket(bucket).max_keys(1).send()
                })
                .await
                .map(drop),
            AccessMode::HeadObject => {
                let head = endpoint
                    .call(Operation::HeadObject, bucket, Spend::Always, |client| {
                        client.head_object().bucket(bucket).key(&access.key).send()
                    })
                    .await;
                match head {
                    // A missing object looks like a missing bucket: once it is written, it is told apart.
                    Err(failure) if failure.status == 404 => endpoint
                        .call(Operation::PutObject, bucket, Spend::Always, |client| {
                            let body = ByteStream::from_static(b"");
                            client.put_object().bucket(bucket).key(&access.key).body(body).send()
                        })
                        .await
                        .map(drop),
                    other => other.map(drop),
                }
            }
        }
    }
}

//! How long a copy takes to arrive in another bucket.

use aws_sdk_s3::primitives::ByteStream;
use std::time::{Duration, Instant};

use super::Prober;
use super::roundtrip::seed;
use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};
use crate::config::file::Replica;

/// Says which run wrote an object.
const NONCE: &str = "nonce";
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(30);

impl Prober {
    pub(super) async fn replicate(&self, replica: &Replica, there: &Endpoint) {
        let begin = Instant::now();
        let result = self.write_and_wait(replica, there).await;
        self.done("replication", begin, result);
    }

    async fn write_and_wait(&self, replica: &Replica, there: &Endpoint) -> Result<(), Failure> {
        let key = self.key("replication");
        let nonce = seed().to_string();
        let put = self
            .endpoint
            .call(Operation::PutObject, &self.bucket, Spend::Always, |client| {
                let body = ByteStream::from(nonce.clone().into_bytes());
                client.put_object().bucket(&self.bucket).key(&key).metadata(NONCE, &nonce).body(body).send()
            })
            .await?;
        let result = self.wait(replica, there, &key, &nonce).await;
        // Replication wants versioned buckets: without this each run would leave a version in both.
        remove(&self.endpoint, &self.bucket, &key, put.version_id()).await;
        let copy = result?;
        remove(there, &replica.bucket, &key, copy.as_deref()).await;
        Ok(())
    }

    /// Waits for the copy; returns its version.
    async fn wait(
        &self,
        replica: &Replica,
        there: &Endpoint,
        key: &str,
        nonce: &str,
    ) -> Result<Option<String>, Failure> {
        let begin = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let head = there
                .call(Operation::HeadObject, &replica.bucket, Spend::Always, |client| {
                    client.head_object().bucket(&replica.bucket).key(key).send()
                })
                .await;
            let waited = begin.elapsed();
            match head {
                Ok(head)
                    if head.metadata().and_then(|all| all.get(NONCE)).is_some_and(|own| own == nonce) =>
                {
                    self.lock().lag = Some(waited.as_secs_f64());
                    return Ok(head.version_id().map(str::to_owned));
                }
                Err(failure) if failure.status != 404 => return Err(failure),
                // An older copy, or none yet.
                _ => {}
            }
            if waited + pause > replica.timeout.0 {
                // At least so long.
                self.lock().lag = Some(waited.as_secs_f64());
                let seconds = replica.timeout.0.as_secs();
                return Err(Failure::new("not_replicated", format!("no copy after {seconds} s")));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LAST_LOOK);
        }
    }
}

/// One that cannot be removed costs a few bytes, not the probe.
async fn remove(endpoint: &Endpoint, bucket: &str, key: &str, version: Option<&str>) {
    let version = version.filter(|version| *version != "null");
    let result = endpoint
        .call(Operation::DeleteObject, bucket, Spend::Always, |client| {
            client.delete_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned)).send()
        })
        .await;
    if let Err(failure) = result {
        tracing::debug!(bucket, key, %failure, "the probe's object stays");
    }
}

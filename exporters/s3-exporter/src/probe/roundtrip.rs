//! An object is written, read, compared and removed.

use aws_sdk_s3::primitives::ByteStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Prober;
use crate::client::Spend;
use crate::client::failure::Failure;
use crate::client::operation::Operation;

/// Below this, what is timed is the way there and back, not the transfer.
const LARGE: u64 = 1 << 20;
/// Bytes a second: an upload is given up that is slower.
const SLOWEST: u64 = 64 << 10;

impl Prober {
    pub(super) async fn round_trip(&self, check: &'static str, size: u64) {
        let begin = Instant::now();
        let result = self.there_and_back(check, size).await;
        self.done(check, begin, result);
    }

    async fn there_and_back(&self, check: &str, size: u64) -> Result<(), Failure> {
        let (endpoint, bucket, key) = (&self.endpoint, &self.bucket, self.key(check));
        let seed = seed();
        let body = aws_sdk_s3::primitives::SdkBody::from(Noise::new(seed).take(size));
        let longer = Duration::from_secs(size / SLOWEST);
        let begin = Instant::now();
        let put = endpoint
            .call_for(longer, Operation::PutObject, bucket, Spend::Always, |client| {
                // Shared, not copied, however often it is sent.
                let body = body.try_clone().map(ByteStream::new).unwrap_or_default();
                let timeouts = aws_sdk_s3::Config::builder().timeout_config(endpoint.timeouts(longer));
                let put = client.put_object().bucket(bucket).key(&key).body(body);
                put.customize().config_override(timeouts).send()
            })
            .await?;
        self.moved("upload", size, begin.elapsed());
        drop(body);
        let read = self.read_back(&key, size, seed).await;
        // Removed whatever came back; of a versioned bucket the very version, or each run would leave one.
        let removed = endpoint
            .call(Operation::DeleteObject, bucket, Spend::Always, |client| {
                client
                    .delete_object()
                    .bucket(bucket)
                    .key(&key)
                    .set_version_id(put.version_id().filter(|id| *id != "null").map(str::to_owned))
                    .send()
            })
            .await;
        read?;
        removed.map(drop)
    }

    async fn read_back(&self, key: &str, size: u64, seed: u64) -> Result<(), Failure> {
        let begin = Instant::now();
        let answer = self
            .endpoint
            .call(Operation::GetObject, &self.bucket, Spend::Always, |client| {
                client.get_object().bucket(&self.bucket).key(key).send()
            })
            .await?;
        let mut body = answer.body;
        let limit = self.endpoint.config.timeout.0;
        let mut expected = Noise::new(seed);
        let mut left = size;
        let mut same = true;
        loop {
            let chunk = match tokio::time::timeout(limit, body.next()).await {
                Err(_) => return Err(Failure::new("timeout", "the object's body stands still")),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(Failure::new("body", error.to_string())),
                Ok(Some(Ok(chunk))) => chunk,
            };
            same &= chunk.len() as u64 <= left && chunk.iter().all(|byte| *byte == expected.byte());
            left = left.saturating_sub(chunk.len() as u64);
        }
        if !same || left > 0 {
            self.lock().damaged += 1;
            return Err(Failure::new("integrity", "what was read is not what was written"));
        }
        self.moved("download", size, begin.elapsed());
        Ok(())
    }

    fn moved(&self, direction: &'static str, size: u64, took: Duration) {
        let mut results = self.lock();
        *results.bytes.entry(direction).or_default() += size;
        if size >= LARGE {
            results.throughput.insert(direction, size as f64 / took.as_secs_f64().max(1e-9));
        }
    }
}

/// Not the same bytes twice: an old object read back must not look like the new one.
pub(super) fn seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64) | 1
}

/// Bytes that do not compress, the same ones for the same seed.
struct Noise {
    state: u64,
    word: [u8; 8],
    at: usize,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self { state: seed, word: [0; 8], at: 8 }
    }

    fn byte(&mut self) -> u8 {
        if self.at == self.word.len() {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            self.word = self.state.to_le_bytes();
            self.at = 0;
        }
        let byte = self.word[self.at];
        self.at += 1;
        byte
    }

    fn take(mut self, size: u64) -> Vec<u8> {
        (0..size).map(|_| self.byte()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_the_same_for_the_same_seed_only() {
        assert_eq!(Noise::new(7).take(20), Noise::new(7).take(20));
        assert_ne!(Noise::new(7).take(20), Noise::new(9).take(20));
        assert_eq!(Noise::new(7).take(13).len(), 13);
    }
}

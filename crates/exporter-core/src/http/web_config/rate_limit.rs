//! `rate_limit`: a bucket of `burst` tokens, a new one each `interval`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::file::RateLimitSection;
use crate::duration::parse_duration;
use crate::exporter::ConfigError;

/// Who may pass.
#[derive(Debug)]
pub(crate) struct RateLimit {
    interval: Duration,
    burst: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimit {
    /// No limit where the interval is 0 or not given.
    pub(super) fn new(section: &RateLimitSection) -> Result<Option<Self>, ConfigError> {
        let text = section.interval.as_deref().unwrap_or("0");
        let interval = if text == "0" { Some(Duration::ZERO) } else { parse_duration(text) };
        let Some(interval) = interval else {
            let what = format!("rate_limit.interval: {text:?} is no duration; write 1s or 100ms");
            return Err(ConfigError::new(what));
        };
        if interval.is_zero() {
            return Ok(None);
        }
        let burst = section.burst.unwrap_or_default();
        if burst == 0 {
            return Err(ConfigError::new("rate_limit.burst: 0 would refuse every request; write 1 or more"));
        }
        let burst = f64::from(burst);
        let bucket = Mutex::new(Bucket { tokens: burst, at: Instant::now() });
        Ok(Some(Self { interval, burst, bucket }))
    }

    /// Takes a token if there is one.
    pub(crate) fn allow(&self) -> bool {
        self.allow_at(Instant::now())
    }

    fn allow_at(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.at);
        let tokens = bucket.tokens + passed.as_secs_f64() / self.interval.as_secs_f64();
        bucket.at = now;
        bucket.tokens = tokens.min(self.burst);
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_an_interval() {
        let section = RateLimitSection { interval: Some("1s".to_owned()), burst: Some(3) };
        let limit = RateLimit::new(&section).unwrap().unwrap();
        let start = Instant::now();
        let allowed = |after: f64| limit.allow_at(start + Duration::from_secs_f64(after));
        assert_eq!([0.0, 0.0, 0.0, 0.0].map(allowed), [true, true, true, false]);
        assert_eq!([0.9, 1.1, 1.2, 2.2].map(allowed), [false, true, false, true]);
        assert_eq!([60.0; 4].map(allowed), [true, true, true, false]);
    }
}

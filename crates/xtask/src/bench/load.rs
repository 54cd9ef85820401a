//! Scraping: one client, or several at once, each on its own kept-alive connection.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use exporter_testkit::http::{Connection, Response, request};

const LIMIT: Duration = Duration::from_secs(30);

/// What Prometheus 3 sends, but for the formats peers do not all have.
const ACCEPT: &str = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Where and how to scrape.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) address: String,
    pub(super) path: String,
    pub(super) gzip: bool,
}

/// How long each scrape took, in seconds, and the last answer.
#[derive(Debug)]
pub(super) struct Scrapes {
    pub(super) seconds: Vec<f64>,
    pub(super) last: Option<Response>,
}

impl Client {
    /// One after the other.
    pub(super) fn sequential(&self, count: usize) -> Result<Scrapes> {
        let mut connection = Connection::open(&self.address, LIMIT)?;
        let encoding: &[(&str, &str)] = if self.gzip { &[("Accept-Encoding", "gzip")] } else { &[] };
        let headers = [&[("Accept", ACCEPT)], encoding].concat();
        let bytes = request("GET", &self.address, &self.path, &headers, b"");
        let mut scrapes = Scrapes { seconds: Vec::with_capacity(count), last: None };
        for _ in 0..count {
            let begin = Instant::now();
            let answer = connection.send(&bytes, LIMIT)?;
            scrapes.seconds.push(begin.elapsed().as_secs_f64());
            if answer.status != 200 {
                bail!("a scrape was answered with {}", answer.status);
            }
            scrapes.last = Some(answer);
        }
        Ok(scrapes)
    }

    /// `count` in all, by this many clients at once.
    pub(super) fn concurrent(&self, count: usize, clients: usize) -> Result<Scrapes> {
        let results: Vec<Result<Scrapes>> = std::thread::scope(|scope| {
            let work = || self.sequential(count.div_ceil(clients));
            let threads: Vec<_> = (0..clients).map(|_| scope.spawn(work)).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Scrapes>>| {
                thread.join().unwrap_or_else(|_| bail!("a client panicked"))
            };
            threads.into_iter().map(join).collect()
        });
        let mut all = Scrapes { seconds: Vec::new(), last: None };
        for scrapes in results {
            let scrapes = scrapes?;
            all.seconds.extend(scrapes.seconds);
            all.last = scrapes.last;
        }
        Ok(all)
    }
}

/// The value below which this share of the scrapes is, by nearest rank.
pub(super) fn percentile(seconds: &[f64], share: f64) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.5), 50.0);
        assert_eq!(percentile(&hundred, 0.99), 99.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}

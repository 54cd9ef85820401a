//! Searching keys: a pass over all of them, which may take many scrapes.
//!
//! SCAN is cheap a step and dear a pass: a million keys are most of a second of the server. So each scrape searches for a
//! bounded time and the next one goes on. What the last finished pass has found is served meanwhile; a small database is
//! passed within one scrape.

use exporter_core::Scrape;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::details::{self, Details, Extras};
use super::list::Key;
use super::nodes::Nodes;
use crate::reply;
use crate::session::Batch;
use crate::trouble::Trouble;

/// What a pattern is searched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// Size, memory and value of each.
    Details,
    /// How many there are.
    Count,
    /// The names.
    Names,
}

/// A pattern, and of what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) key: Key,
    pub(crate) purpose: Purpose,
    /// Which of those who asked.
    pub(crate) tag: usize,
    /// Only keys of this type; an empty one is any.
    pub(crate) kind: &'static str,
}

/// What a pass has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By pattern.
    pub(crate) counts: Vec<u64>,
    pub(crate) keys: Vec<(Key, Details)>,
    /// With the pattern's place.
    pub(crate) names: Vec<(usize, Key)>,
    /// Keys beyond the limit.
    pub(crate) left_out: u64,
}

/// How a search is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) budget: Duration,
    pub(crate) batch: usize,
    pub(crate) keys: usize,
    pub(crate) extras: Extras,
}

/// What a search has found is shown for so long when searching fails.
const STALE: Duration = Duration::from_secs(300);

/// Searches, pass after pass.
pub(crate) struct Scanner {
    pub(crate) patterns: Vec<Pattern>,
    limits: Limits,
    /// The pass under way.
    pattern: usize,
    node: usize,
    cursor: Vec<u8>,
    now: Found,
    seen: HashSet<Vec<u8>>,
    began: Option<Instant>,
    /// The last one that was finished, when, and how long it took.
    pub(crate) last: Option<(Found, Instant, Duration)>,
}

impl Scanner {
    pub(crate) fn new(patterns: Vec<Pattern>, limits: Limits) -> Self {
        Self {
            patterns,
            limits,
            pattern: 0,
            node: 0,
            cursor: b"0".to_vec(),
            now: Found::default(),
            seen: HashSet::new(),
            began: None,
            last: None,
        }
    }

    /// Searches until the pass or the budget is over.
    pub(crate) async fn advance(&mut self, nodes: &mut Nodes, scrape: &Scrape) -> Result<(), Trouble> {
        let began = Instant::now();
        if self.patterns.is_empty() {
            return Ok(());
        }
        self.began.get_or_insert(began);
        self.now.counts.resize(self.patterns.len(), 0);
        while self.pattern < self.patterns.len() {
            // Before the first pass is over there is nothing to show, so it may take a little more.
            let patience = if self.last.is_none() { 4 } else { 1 };
            if began.elapsed() > self.limits.budget * patience || scrape.remaining() < self.limits.budget {
                return Ok(());
            }
            if let Err(trouble) = self.step(nodes, scrape).await {
                self.restart();
                // What is old is dropped rather than shown for ever.
                self.last.take_if(|(_, finished, _)| finished.elapsed() > STALE);
                return Err(trouble);
            }
        }
        let took = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        self.last = Some((std::mem::take(&mut self.now), Instant::now(), took));
        self.restart();
        Ok(())
    }

    fn restart(&mut self) {
        (self.pattern, self.node, self.began) = (0, 0, None);
        self.cursor = b"0".to_vec();
        self.now = Found::default();
        self.seen = HashSet::new();
    }

    async fn step(&mut self, nodes: &mut Nodes, scrape: &Scrape) -> Result<(), Trouble> {
        let pattern = &self.patterns[self.pattern];
        let count = self.limits.batch.to_string();
        let mut words: Vec<&[u8]> =
            vec![b"SCAN", &self.cursor, b"MATCH", &pattern.key.name, b"COUNT", count.as_bytes()];
        if !pattern.kind.is_empty() {
            words.extend([&b"TYPE"[..], pattern.kind.as_bytes()]);
        }
        let batch = Batch::of("scan", &words);
        let reply = match nodes.ask_node(scrape, self.node, pattern.key.db, &batch).await {
            Ok(reply) => reply,
            // The other masters' keys are still there to be found; the collector says that some are missing.
            Err(trouble) if nodes.len() > 1 => {
                nodes.trouble = Some(trouble);
                None
            }
            Err(trouble) => return Err(trouble),
        };
        let (cursor, names) = match reply.as_ref().map(reply::items) {
            Some([cursor, names]) => (reply::bytes(cursor).unwrap_or(b"0"), reply::items(names)),
            _ => (&b"0"[..], &[][..]),
        };
        let mut fresh: Vec<&[u8]> = Vec::new();
        for name in names.iter().filter_map(reply::bytes) {
            if pattern.purpose == Purpose::Count {
                self.now.counts[self.pattern] += 1;
            } else if self.now.keys.len() + self.now.names.len() + fresh.len() >= self.limits.keys {
                self.now.left_out += 1;
            } else if self.seen.insert(name.to_vec()) {
                // SCAN may show a key more than once.
                fresh.push(name);
            }
        }
        let key = |name: &[u8]| Key { db: pattern.key.db, name: name.to_vec() };
        match pattern.purpose {
            Purpose::Count => {}
            Purpose::Names => self.now.names.extend(fresh.iter().map(|name| (self.pattern, key(name)))),
            Purpose::Details => {
                let details = details::of(nodes, scrape, pattern.key.db, &fresh, self.limits.extras).await;
                let known = fresh.iter().zip(details).filter(|(_, details)| details.exists);
                self.now.keys.extend(known.map(|(name, details)| (key(name), details)));
            }
        }
        self.cursor = cursor.to_vec();
        if self.cursor == b"0" {
            self.node += 1;
            if self.node >= nodes.len() {
                self.node = 0;
                self.pattern += 1;
                // Another pattern may find the same keys for another purpose.
                if self.patterns.get(self.pattern).is_some_and(|next| {
                    next.purpose != self.patterns[self.pattern - 1].purpose
                        || next.tag != self.patterns[self.pattern - 1].tag
                        || next.key.db != self.patterns[self.pattern - 1].key.db
                }) {
                    self.seen.clear();
                }
            }
        }
        Ok(())
    }
}

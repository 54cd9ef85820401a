//! The last probes, for people: what was asked, what happened, and why it failed. As in the peer, failures outlive
//! successes. Bounded in number and in length; nothing of a body, no credentials.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::net::Failure;

/// Longer targets and texts are cut.
const MAX_TEXT: usize = 500;

#[derive(Debug)]
pub(crate) struct History {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    recent: VecDeque<Record>,
    /// Failures that are no longer among the recent ones.
    failed: VecDeque<Record>,
}

/// One probe that is over.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    id: u64,
    at: f64,
    pub(crate) module: String,
    target: String,
    took: Duration,
    failure: Option<Failure>,
    notes: Vec<String>,
}

impl Record {
    pub(crate) fn new(
        module: &str,
        target: &str,
        took: Duration,
        failure: Option<&Failure>,
        notes: Vec<String>,
    ) -> Self {
        let failure = failure.map(|failure| Failure::new(failure.reason, cut(&failure.detail)));
        let at = clock::now() - took.as_secs_f64();
        Self { id: 0, at, module: module.to_owned(), target: shown(target), took, failure, notes }
    }

    /// Its log, a line a step.
    pub(crate) fn log(&self) -> String {
        let mut out = String::new();
        let about = format!("module={} target={:?}", self.module, self.target);
        let _ = writeln!(out, "time={} msg=\"probe begins\" {about}", clock::rfc3339(self.at));
        for note in &self.notes {
            let _ = writeln!(out, "msg={note:?} {about}");
        }
        let took = self.took.as_secs_f64();
        let _ = match &self.failure {
            None => writeln!(out, "level=info msg=\"probe succeeded\" {about} duration_seconds={took}"),
            Some(Failure { reason, detail }) => writeln!(
                out,
                "level=error msg=\"probe failed\" {about} duration_seconds={took} reason={} err={detail:?}",
                reason.as_str()
            ),
        };
        out
    }
}

impl History {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default() }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.limit > 0
    }

    pub(crate) fn keep(&self, record: Record) {
        if !self.is_kept() {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let id = inner.next;
        inner.next += 1;
        inner.recent.push_back(Record { id, ..record });
        if inner.recent.len() > self.limit
            && let Some(old) = inner.recent.pop_front().filter(|record| record.failure.is_some())
        {
            inner.failed.push_back(old);
            if inner.failed.len() > self.limit {
                inner.failed.pop_front();
            }
        }
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<Record> {
        self.last(|record| record.id == id)
    }

    /// The last probe of a target.
    pub(crate) fn of(&self, module: &str, target: &str) -> Option<Record> {
        let target = shown(target);
        self.last(|record| record.module == module && record.target == target)
    }

    fn last(&self, wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.recent.iter().rev().chain(inner.failed.iter().rev()).find(|record| wanted(record)).cloned()
    }

    /// All that are kept, the last one first.
    pub(crate) fn list(&self) -> String {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = "The last probes; /logs?id=ID tells more of one.\n\n".to_owned();
        let _ = writeln!(
            out,
            "{:>6}  {:<24}  {:<16}  {:<16}  {:>9}  target",
            "id", "time", "module", "result", "seconds"
        );
        for record in inner.recent.iter().rev().chain(inner.failed.iter().rev()) {
            let result = record.failure.as_ref().map_or("success", |failure| failure.reason.as_str());
            let _ = writeln!(
                out,
                "{:>6}  {:<24}  {:<16}  {result:<16}  {:>9.4}  {}",
                record.id,
                clock::rfc3339(record.at),
                record.module,
                record.took.as_secs_f64(),
                record.target
            );
        }
        out
    }
}

/// A target as it may be seen: without a password, in one line, not endless.
pub(crate) fn shown(target: &str) -> String {
    let (scheme, rest) = target.split_once("://").map_or(("", target), |(scheme, rest)| (scheme, rest));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let rest = match rest[..end].rfind('@') {
        Some(at) => format!("<secret>{}", &rest[at..]),
        None => rest.to_owned(),
    };
    let whole = if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") };
    cut(&whole.replace(char::is_control, " "))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Reason;

    fn probe(history: &History, target: &str, failed: bool) {
        let failure = Failure::new(Reason::Status, "status 500");
        history.keep(Record::new("m", target, Duration::ZERO, failed.then_some(&failure), Vec::new()));
    }

    #[test]
    fn failures_outlive_successes_and_all_is_bounded() {
        let history = History::new(3);
        probe(&history, "first", true);
        for number in 0..100 {
            probe(&history, &format!("t{number}"), false);
        }
        assert!(history.of("m", "first").is_some() && history.of("m", "t1").is_none());
        for _ in 0..100 {
            probe(&history, "bad", true);
        }
        assert!(history.of("m", "first").is_none());
        assert_eq!(history.list().lines().count(), 3 + 2 * 3);
        assert_eq!(history.by_id(200).unwrap().target, "bad");
    }

    #[test]
    fn credentials_and_endless_targets_are_not_kept() {
        assert_eq!(shown("http://u:hunter2@h:1/x@y"), "http://<secret>@h:1/x@y");
        assert_eq!(shown("h:1?u=a@b"), "h:1?u=a@b");
        assert!(shown(&"x".repeat(100_000)).len() < 510);
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let history = History::new(0);
        probe(&history, "a", true);
        assert!(history.of("m", "a").is_none());
    }
}

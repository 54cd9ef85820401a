//! What a scrape has got when its wait is over, and the page made of it.

use exposition::{Assembly, Dropped, Kind, LabelSet, LabelValue, Labels, Options, Output, Page};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::slot::{Joined, Slot};
use super::{CollectorStatus, Filter, Registry};
use crate::catalogue::{DROPPED, DURATION, LAST_SUCCESS, STALLS, STATE, STUCK, SUCCESS};
use crate::source::{Outcome, Part, Run};

/// Families beyond this many are not told apart in the count of dropped series.
const MAX_DROPPED_FAMILIES: usize = 200;

/// The runs of one scrape, finished or not.
#[derive(Debug)]
pub struct Collected<'a> {
    registry: &'a Registry,
    filter: &'a Filter,
    joined: Vec<(&'a Arc<Slot>, Joined)>,
}

impl<'a> Collected<'a> {
    pub(crate) fn new(
        registry: &'a Registry,
        filter: &'a Filter,
        joined: Vec<(&'a Arc<Slot>, Joined)>,
    ) -> Self {
        Self { registry, filter, joined }
    }

    /// The runs that are shown, if all are over: two pages of the same runs are the same.
    pub(crate) fn runs(&self) -> Option<Vec<Arc<Run>>> {
        let over = |(_, joined): &(_, Joined)| {
            joined.run.clone().filter(|run| joined.instead.is_none() && run.is_done())
        };
        self.joined.iter().map(over).collect()
    }

    /// Writes what was committed, with the collectors' success and duration and the `extra` pages. Returns the number
    /// of samples.
    pub fn write(
        self,
        extra: &[&Page],
        options: Options<'_>,
        assembly: &mut Assembly,
        out: &mut dyn Output,
    ) -> usize {
        let parts: Vec<Parts<'_>> =
            self.joined.iter().map(|(_, joined)| joined.run.as_ref().map(|run| run.parts())).collect();
        let mut own = self.registry.own_page.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_own(&parts, &mut own);
        // Our own come first: a source that claims one of their names loses it.
        let mut pages = Vec::with_capacity(parts.len() * 2 + extra.len() + 1);
        pages.push(&*own);
        pages.extend(extra);
        for ((slot, _), parts) in self.joined.iter().zip(&parts) {
            for (at, part) in parts.iter().flat_map(|parts| parts.iter()).enumerate() {
                let young = slot.spec().max_age(at).is_none_or(|age| part.is_younger(age));
                let says = !part.page.is_empty() || part.page.refused() > 0;
                if young && says && self.filter.selects(slot.collectors()[at].name) {
                    pages.push(&part.page);
                }
            }
        }
        let names = |name: &str| self.filter.names(name);
        let names: Option<&dyn Fn(&str) -> bool> = if self.filter.by_name() { Some(&names) } else { None };
        let written = assembly.write(&pages, &Options { names, ..options }, out);
        self.registry.count_dropped(&written.dropped);
        written.samples
    }

    /// Success and duration of each selected collector, and the registry's own counters.
    fn put_own(&self, parts: &[Parts<'_>], page: &mut Page) {
        let now = SystemTime::now();
        let mut results = Vec::with_capacity(self.joined.len());
        let mut succeeded = Vec::new();
        for ((slot, joined), parts) in self.joined.iter().zip(parts) {
            for (at, collector) in slot.collectors().iter().enumerate() {
                if self.filter.selects(collector.name) {
                    let part = parts.as_ref().map(|parts| &parts[at]);
                    results.push((collector.name, &slot.labels()[at], result(joined, part, now)));
                    if let (Some(_), Some(at)) =
                        (slot.spec().max_age(at), part.and_then(|part| part.succeeded))
                    {
                        succeeded.push((collector.name, at));
                    }
                }
            }
        }
        page.clear();
        self.registry.put_results(page, &results);
        self.registry.put_succeeded(page, &succeeded);
        self.registry.put_own(page);
        let mut statuses = self.registry.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, _, status) in results {
            statuses.record(self.registry.namespace, name, status);
        }
    }
}

/// What a run has committed, held while it is written.
type Parts<'a> = Option<MutexGuard<'a, Vec<Part>>>;

fn result(joined: &Joined, part: Option<&Part>, now: SystemTime) -> CollectorStatus {
    let own = part.and_then(|part| part.outcome.clone());
    let duration = match (&joined.run, part) {
        (Some(_), Some(part)) if part.outcome.is_some() => part.duration,
        (Some(run), _) => run.scrape.started().elapsed(),
        (None, _) => Duration::ZERO,
    };
    CollectorStatus {
        outcome: joined.instead.clone().or(own).unwrap_or(Outcome::Timeout),
        duration,
        samples: part.map_or(0, |part| part.page.len()),
        at: now,
    }
}

impl Registry {
    /// What this collector did last; `None` before its first scrape.
    pub fn status(&self, collector: &str) -> Option<CollectorStatus> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).get(collector)
    }

    /// Our own names and labels are valid, so there is no error to report.
    fn put_results(&self, page: &mut Page, results: &[(&'static str, &Labels, CollectorStatus)]) {
        type Value = fn(&CollectorStatus) -> f64;
        let numbers: [(_, _, Value); 2] = [
            (&self.names.duration, DURATION.1, |status| status.duration.as_secs_f64()),
            (&self.names.success, SUCCESS.1, |status| f64::from(u8::from(status.outcome.success()))),
        ];
        let sets: Vec<LabelSet> = results.iter().map(|(_, labels, _)| page.labels(labels)).collect();
        for (name, help, value) in numbers {
            let Ok(mut family) = page.foreign(name, Kind::Gauge, help) else { continue };
            for ((.., status), set) in results.iter().zip(&sets) {
                family.put_set(*set, value(status));
            }
        }
        // Success says no where hardware is absent too, as the peers' does; this tells that from failure. Only the present
        // state is there: four series a collector would be a third of a small page.
        let states: Vec<_> = results
            .iter()
            .zip(sets)
            .map(|((.., status), set)| {
                let state = status.outcome.as_str();
                page.label_set(Some(set), [("state", &state as &dyn LabelValue)])
            })
            .collect();
        let Ok(mut family) = page.foreign(&self.names.state, Kind::Gauge, STATE.1) else { return };
        for set in states.into_iter().flatten() {
            family.put_set(set, 1.0);
        }
    }

    /// When collectors whose data may be served again last ended well: the age of what is on the page.
    fn put_succeeded(&self, page: &mut Page, succeeded: &[(&'static str, SystemTime)]) {
        for (collector, at) in succeeded {
            let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            put(page, &self.names.last_success, Kind::Gauge, LAST_SUCCESS.1, &[("collector", collector)], at);
        }
    }

    fn put_own(&self, page: &mut Page) {
        let (stuck, stalls) = self.worker.stalls();
        if stalls > 0 {
            put(page, STUCK.name, STUCK.kind, STUCK.help, &[], stuck as f64);
            put(page, STALLS.name, STALLS.kind, STALLS.help, &[], stalls as f64);
        }
        let dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        for ((family, reason), samples) in dropped.iter() {
            let labels = [("family", family.as_str()), ("reason", reason)];
            put(page, DROPPED.name, DROPPED.kind, DROPPED.help, &labels, *samples as f64);
        }
    }

    fn count_dropped(&self, news: &[Dropped]) {
        if news.is_empty() {
            return;
        }
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        for one in news {
            let reason = one.reason.as_str();
            let known = dropped.contains_key(&(one.family.clone(), reason));
            let family = if known || dropped.len() < MAX_DROPPED_FAMILIES { &one.family } else { "other" };
            *dropped.entry((family.to_owned(), reason)).or_default() += one.samples;
        }
    }
}

/// Names and labels here are our own and valid, so there is no error to report.
fn put(page: &mut Page, name: &str, kind: Kind, help: &str, labels: &[(&str, &str)], value: f64) {
    if let Ok(mut family) = page.foreign(name, kind, help) {
        let labels = labels.iter().map(|(name, value)| (*name, value as &dyn exposition::LabelValue));
        let _ = family.put("", labels, value);
    }
}

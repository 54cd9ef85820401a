//! What a listing comes to: sums that stay small however many objects there are.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::walk::{Item, Kind};
use crate::config::Watching;
use crate::probe;

/// Upper bounds of object sizes, in bytes: 1 KiB to 10 GiB.
pub(crate) const SIZES: [u64; 12] = [
    1 << 10,
    10 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
    64 << 20,
    256 << 20,
    1 << 30,
    4 << 30,
    10 << 30,
];

/// Partitions that are kept apart; those beyond are only in the totals.
const MAX_PARTITIONS: usize = 100_000;
/// Storage classes with series of their own; those beyond count as `other`.
const MAX_CLASSES: usize = 30;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// In seconds since 1970.
    pub(crate) at: f64,
    pub(crate) bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Sum {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

/// Everything that is known of a set of objects.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Totals {
    pub(crate) all: Sum,
    pub(crate) empty: u64,
    pub(crate) markers: u64,
    pub(crate) biggest: u64,
    pub(crate) newest: Option<Seen>,
    pub(crate) oldest: Option<Seen>,
    /// Current and old versions by storage class.
    pub(crate) usage: Vec<(String, Sum, Sum)>,
    /// By the first bound that is large enough.
    pub(crate) sizes: [u64; SIZES.len()],
}

impl Totals {
    fn see(&mut self, item: Item<'_>) {
        let one = Sum { objects: 1, bytes: item.bytes };
        match item.kind {
            Kind::Marker => {
                self.markers += 1;
                return;
            }
            Kind::Old => {
                self.class(item.class).2.add(one);
                return;
            }
            Kind::Current => self.class(item.class).1.add(one),
        }
        self.all.add(one);
        self.empty += u64::from(item.bytes == 0);
        self.biggest = self.biggest.max(item.bytes);
        let bucket = SIZES.partition_point(|bound| *bound < item.bytes);
        if let Some(bucket) = self.sizes.get_mut(bucket) {
            *bucket += 1;
        }
        let seen = Seen { at: item.modified, bytes: item.bytes };
        newer(&mut self.newest, seen);
        older(&mut self.oldest, seen);
    }

    pub(crate) fn add(&mut self, other: &Totals) {
        self.all.add(other.all);
        self.empty += other.empty;
        self.markers += other.markers;
        self.biggest = self.biggest.max(other.biggest);
        if let Some(seen) = other.newest {
            newer(&mut self.newest, seen);
        }
        if let Some(seen) = other.oldest {
            older(&mut self.oldest, seen);
        }
        for (class, current, old) in &other.usage {
            let own = self.class(class);
            own.1.add(*current);
            own.2.add(*old);
        }
        self.sizes.iter_mut().zip(other.sizes).for_each(|(own, other)| *own += other);
    }

    fn class(&mut self, class: &str) -> &mut (String, Sum, Sum) {
        let find =
            |usage: &[(String, Sum, Sum)], class: &str| usage.iter().position(|(own, ..)| own == class);
        let class = if self.usage.len() < MAX_CLASSES || find(&self.usage, class).is_some() {
            class
        } else {
            "other"
        };
        let at = find(&self.usage, class).unwrap_or_else(|| {
            self.usage.push((class.to_owned(), Sum::default(), Sum::default()));
            self.usage.len() - 1
        });
        &mut self.usage[at]
    }
}

fn newer(newest: &mut Option<Seen>, seen: Seen) {
    if newest.is_none_or(|newest| seen.at > newest.at) {
        *newest = Some(seen);
    }
}

fn older(oldest: &mut Option<Seen>, seen: Seen) {
    if oldest.is_none_or(|oldest| seen.at < oldest.at) {
        *oldest = Some(seen);
    }
}

/// What fits one expectation.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Matches {
    pub(crate) count: u64,
    pub(crate) newest: Option<Seen>,
    pub(crate) previous: Option<Seen>,
    pub(crate) oldest: Option<Seen>,
}

impl Matches {
    fn see(&mut self, seen: Seen) {
        self.count += 1;
        self.arrive(seen);
        older(&mut self.oldest, seen);
    }

    /// Takes its place among the two newest.
    fn arrive(&mut self, seen: Seen) {
        match (self.newest, self.previous) {
            (Some(newest), _) if seen.at > newest.at => {
                self.previous = Some(newest);
                self.newest = Some(seen);
            }
            (Some(_), previous) if previous.is_none_or(|previous| seen.at > previous.at) => {
                self.previous = Some(seen);
            }
            (Some(_), _) => {}
            (None, _) => self.newest = Some(seen),
        }
    }

    fn add(&mut self, other: &Matches) {
        self.count += other.count;
        for seen in [other.newest, other.previous].into_iter().flatten() {
            self.arrive(seen);
        }
        if let Some(seen) = other.oldest {
            older(&mut self.oldest, seen);
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Fold {
    pub(crate) totals: Totals,
    /// In the order of the configuration.
    pub(crate) matches: Vec<Matches>,
}

impl Fold {
    fn see(&mut self, item: Item<'_>, watching: &Watching) {
        self.totals.see(item);
        if watching.expectations.is_empty() || item.kind != Kind::Current {
            return;
        }
        self.matches.resize(watching.expectations.len(), Matches::default());
        for (expectation, matches) in watching.expectations.iter().zip(&mut self.matches) {
            if expectation.is_about(item.key) {
                matches.see(Seen { at: item.modified, bytes: item.bytes });
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Fold) {
        self.totals.add(&other.totals);
        let longer = self.matches.len().max(other.matches.len());
        self.matches.resize(longer, Matches::default());
        self.matches.iter_mut().zip(&other.matches).for_each(|(own, other)| own.add(other));
    }
}

/// A stretch of keys that the pattern keeps together: a host's day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Partition {
    pub(crate) group: String,
    /// The end of its date's period.
    pub(crate) closes: Option<i64>,
    pub(crate) fold: Fold,
}

/// What a listing has found.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Found {
    /// What does not fit the pattern; everything where there is none.
    pub(crate) rest: Fold,
    /// By their prefix.
    pub(crate) partitions: BTreeMap<String, Partition>,
    /// Objects of partitions beyond those that are kept.
    pub(crate) crowded: u64,
}

impl Found {
    pub(crate) fn add(&mut self, other: Found) {
        self.rest.add(&other.rest);
        self.crowded += other.crowded;
        for (prefix, partition) in other.partitions {
            match self.partitions.get_mut(&prefix) {
                Some(own) => own.fold.add(&partition.fold),
                None => {
                    self.partitions.insert(prefix, partition);
                }
            }
        }
    }

    /// All of it together.
    pub(crate) fn sum(&self) -> Fold {
        let mut sum = self.rest.clone();
        for partition in self.partitions.values() {
            sum.add(&partition.fold);
        }
        sum
    }
}

/// Sorts what comes into partitions. Keys come in order, so most are of the same one as the key before.
pub(crate) struct Folder<'a> {
    watching: &'a Watching,
    found: Found,
    /// The partition that is open, with its prefix.
    open: Option<(String, Partition)>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(watching: &'a Watching) -> Self {
        Self { watching, found: Found::default(), open: None }
    }

    pub(crate) fn see(&mut self, item: Item<'_>) {
        // What probes leave for a moment is nobody's data.
        if item.key.starts_with(probe::PREFIX) {
            return;
        }
        let Some(pattern) = &self.watching.watch.pattern else {
            self.found.rest.see(item, self.watching);
            return;
        };
        if let Some((prefix, partition)) = &mut self.open
            && item.key.starts_with(prefix.as_str())
        {
            partition.fold.see(item, self.watching);
            return;
        }
        self.close();
        match pattern.place(item.key) {
            None => self.found.rest.see(item, self.watching),
            Some(place) => {
                let partition = Partition { group: place.group, closes: place.closes, fold: Fold::default() };
                let (_, partition) = self.open.insert((item.key[..place.length].to_owned(), partition));
                partition.fold.see(item, self.watching);
            }
        }
    }

    fn close(&mut self) {
        let Some((prefix, partition)) = self.open.take() else { return };
        if self.found.partitions.len() >= MAX_PARTITIONS && !self.found.partitions.contains_key(&prefix) {
            self.found.crowded += partition.fold.totals.all.objects;
            self.found.rest.add(&partition.fold);
            return;
        }
        self.found.add(Found { partitions: BTreeMap::from([(prefix, partition)]), ..Found::default() });
    }

    pub(crate) fn end(mut self) -> Found {
        self.close();
        self.found
    }
}

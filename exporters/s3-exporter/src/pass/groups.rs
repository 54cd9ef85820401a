//! Partitions of one group together: all days of a host.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::list::fold::{Found, Seen, Sum};

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Group {
    /// The named parts' values: `prod/web1`.
    pub(crate) name: String,
    pub(crate) newest: Option<Seen>,
    /// In seconds since 1970.
    pub(crate) oldest: Option<f64>,
    pub(crate) partitions: u64,
    /// Where all of it was listed.
    pub(crate) all: Option<Sum>,
}

/// By name.
pub(crate) fn of(found: &Found) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for partition in found.partitions.values() {
        let totals = &partition.fold.totals;
        let group = groups.entry(&partition.group).or_default();
        group.partitions += 1;
        if totals.newest.is_some_and(|seen| group.newest.is_none_or(|newest| seen.at > newest.at)) {
            group.newest = totals.newest;
        }
        if let Some(seen) = totals.oldest {
            group.oldest = Some(group.oldest.map_or(seen.at, |oldest| oldest.min(seen.at)));
        }
        let all = group.all.get_or_insert_default();
        all.objects += totals.all.objects;
        all.bytes += totals.all.bytes;
    }
    groups.into_iter().map(|(name, group)| Group { name: name.to_owned(), ..group }).collect()
}

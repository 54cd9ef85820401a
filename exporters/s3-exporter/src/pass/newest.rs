//! Two requests a group: its dates, and what is in the newest. No totals.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;

use super::full;
use super::groups::Group;
use super::incremental::{Known, look};
use super::snapshot::Passed;
use crate::client::Endpoint;
use crate::client::failure::Failure;
use crate::config::Watching;
use crate::config::pattern::Pattern;
use crate::list::fold::Folder;
use crate::list::levels;
use crate::list::walk::{Allowance, Range};

/// When each group's oldest partition has its first object: asked for again only when another becomes the oldest.
pub(crate) type Oldest = BTreeMap<String, Option<f64>>;

pub(super) async fn pass(
    endpoint: &Endpoint,
    watching: &Watching,
    pattern: &Pattern,
    known: &mut Known,
    oldest: &mut Oldest,
    allowance: &Allowance,
) -> Result<Passed, Failure> {
    look(endpoint, watching, pattern, known, allowance).await?;
    let (before, prefixes) = (&*oldest, known.groups());
    let found: Vec<Option<(String, Group)>> = stream::iter(0..prefixes.len())
        .map(|at| group(endpoint, watching, pattern, &prefixes[at], before, allowance))
        .buffered(watching.parallel())
        .try_collect()
        .await?;
    let mut now = Oldest::new();
    let mut groups = Vec::new();
    for (first, group) in found.into_iter().flatten() {
        now.insert(first, group.oldest);
        groups.push(group);
    }
    if groups.len() < prefixes.len() {
        known.forget();
    }
    *oldest = now;
    Ok(Passed { groups: Some(groups), ..Passed::default() })
}

/// The group, and its oldest partition.
async fn group(
    endpoint: &Endpoint,
    watching: &Watching,
    pattern: &Pattern,
    prefix: &str,
    before: &Oldest,
    allowance: &Allowance,
) -> Result<Option<(String, Group)>, Failure> {
    let dates = levels::prefixes(endpoint, &watching.bucket, prefix, "/", allowance).await?;
    let mut dates: Vec<_> = dates
        .into_iter()
        .filter_map(|prefix| pattern.place(&prefix).map(|place| (place.closes, prefix, place.group)))
        .collect();
    dates.sort_unstable();
    let (Some((_, first, _)), Some((_, last, name))) = (dates.first(), dates.last()) else { return Ok(None) };
    let oldest = match before.get(first) {
        Some(oldest) => *oldest,
        None => levels::first(endpoint, &watching.bucket, first, allowance).await?,
    };
    let mut folder = Folder::new(watching);
    let walk = full::walk(endpoint, watching, last, allowance);
    walk.run(&Range::default(), |item| folder.see(item), |_| ()).await?;
    let newest = folder.end().sum().totals.newest;
    let group = Group { name: name.clone(), newest, oldest, partitions: dates.len() as u64, all: None };
    Ok(Some((first.clone(), group)))
}

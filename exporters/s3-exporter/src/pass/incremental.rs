//! Only what may still change: partitions whose date is over keep what they had until all is listed again.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;

use super::full;
use super::snapshot::Passed;
use crate::client::Endpoint;
use crate::client::failure::Failure;
use crate::clock;
use crate::config::Watching;
use crate::config::pattern::Pattern;
use crate::list::fold::{Folder, Found};
use crate::list::levels;
use crate::list::walk::{Allowance, Range};

/// Prefixes of groups, such as hosts, are looked for again after this many seconds.
const LOOK_AGAIN: f64 = 3600.0;

/// Prefixes of groups, and when they were looked for.
#[derive(Debug, Default)]
pub(crate) struct Known {
    at: f64,
    groups: Vec<String>,
}

pub(super) async fn pass(
    endpoint: &Endpoint,
    watching: &Watching,
    last: Option<&Passed>,
    known: &mut Known,
    allowance: &Allowance,
) -> Result<Passed, Failure> {
    let now = clock::now();
    let last = last
        .filter(|last| last.verified > 0.0 && now - last.verified < watching.watch.verify.0.as_secs_f64());
    let (Some(last), Some(pattern)) = (last, &watching.watch.pattern) else {
        return full::pass(endpoint, watching, last, allowance).await;
    };
    look(endpoint, watching, pattern, known, allowance).await?;
    let open_since = now as i64 - i64::try_from(watching.watch.closed_after.0.as_secs()).unwrap_or(i64::MAX);
    let mut kept = BTreeMap::new();
    let mut hot = Vec::new();
    for prefix in children(endpoint, watching, &known.groups, allowance).await? {
        let Some(place) = pattern.place(&prefix) else { continue };
        let is_closed = place.closes.is_some_and(|closes| closes < open_since);
        match last.found.partitions.get(&prefix).filter(|_| is_closed) {
            Some(partition) => {
                kept.insert(prefix, partition.clone());
            }
            None => hot.push(prefix),
        }
    }
    let mut found = Found { rest: last.found.rest.clone(), partitions: kept, crowded: last.found.crowded };
    let mut lists = stream::iter(hot)
        .map(|prefix| async move {
            let mut folder = Folder::new(watching);
            let walk = full::walk(endpoint, watching, &prefix, allowance);
            walk.run(&Range::default(), |item| folder.see(item), |_| ()).await?;
            Ok::<_, Failure>(folder.end())
        })
        .buffer_unordered(watching.parallel());
    while let Some(part) = lists.try_next().await? {
        found.add(part);
    }
    drop(lists);
    Ok(Passed { found, verified: last.verified, cuts: last.cuts.clone(), ..Passed::default() })
}

/// Looks for the prefixes of groups, if that was long ago.
pub(super) async fn look(
    endpoint: &Endpoint,
    watching: &Watching,
    pattern: &Pattern,
    known: &mut Known,
    allowance: &Allowance,
) -> Result<(), Failure> {
    if clock::now() - known.at < LOOK_AGAIN {
        return Ok(());
    }
    let root = pattern.root();
    let below = watching.prefix.starts_with(&root) && pattern.may_begin(&watching.prefix);
    let (start, depth) = if below {
        (watching.prefix.clone(), watching.prefix.matches('/').count())
    } else {
        (root, pattern.root_depth())
    };
    let mut level = vec![start];
    for _ in depth..pattern.depth() {
        level = children(endpoint, watching, &level, allowance).await?;
        level.retain(|prefix| prefix.starts_with(&watching.prefix) && pattern.may_begin(prefix));
    }
    *known = Known { at: clock::now(), groups: level };
    Ok(())
}

impl Known {
    pub(super) fn groups(&self) -> &[String] {
        &self.groups
    }

    /// A host may be new: the next pass looks again.
    pub(super) fn forget(&mut self) {
        self.at = 0.0;
    }
}

/// One level down, in order.
async fn children(
    endpoint: &Endpoint,
    watching: &Watching,
    above: &[String],
    allowance: &Allowance,
) -> Result<Vec<String>, Failure> {
    let lists: Vec<Vec<String>> = stream::iter(0..above.len())
        .map(|at| levels::prefixes(endpoint, &watching.bucket, &above[at], "/", allowance))
        .buffered(watching.parallel())
        .try_collect()
        .await?;
    Ok(lists.concat())
}

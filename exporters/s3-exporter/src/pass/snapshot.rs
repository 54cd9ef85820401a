//! What pages show of a target until the next pass.

use serde::{Deserialize, Serialize};

use super::groups::{self, Group};
use crate::config::Watching;
use crate::list::fold::{Found, Matches, Totals};
use crate::list::multipart::Uploads;

/// A finished pass: enough to go on after a restart.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Passed {
    /// In seconds since 1970.
    pub(crate) finished: f64,
    pub(crate) took: f64,
    pub(crate) pages: u64,
    /// Whether it ended before its list did.
    pub(crate) truncated: bool,
    /// When everything was last listed; 0 for never.
    pub(crate) verified: f64,
    pub(crate) cuts: Vec<String>,
    pub(crate) found: Found,
    /// Groups of a pass that knows nothing else.
    pub(crate) groups: Option<Vec<Group>>,
    pub(crate) uploads: Option<Uploads>,
    pub(crate) common_prefixes: Option<u64>,
}

/// The same, summed up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) finished: f64,
    pub(crate) took: f64,
    pub(crate) pages: u64,
    pub(crate) truncated: bool,
    pub(crate) totals: Option<Totals>,
    pub(crate) matches: Vec<Matches>,
    pub(crate) groups: Vec<Group>,
    pub(crate) groups_dropped: u64,
    /// Objects that do not fit the pattern.
    pub(crate) unmatched: Option<u64>,
    pub(crate) uploads: Option<Uploads>,
    pub(crate) common_prefixes: Option<u64>,
}

impl Snapshot {
    pub(crate) fn new(passed: &Passed, watching: &Watching) -> Self {
        let is_whole = passed.groups.is_none() && passed.common_prefixes.is_none();
        let sum = if is_whole { passed.found.sum() } else { Default::default() };
        let mut groups = match &passed.groups {
            Some(groups) => groups.clone(),
            None => groups::of(&passed.found),
        };
        if let Some(active) = watching.watch.expect_active {
            let since = passed.finished - active.0.as_secs_f64();
            groups.retain(|group| group.newest.is_some_and(|newest| newest.at >= since));
        }
        let most = watching.watch.max_groups;
        let groups_dropped = groups.len().saturating_sub(most) as u64;
        groups.truncate(most);
        let mut matches = sum.matches;
        matches.resize(watching.expectations.len(), Matches::default());
        Self {
            finished: passed.finished,
            took: passed.took,
            pages: passed.pages,
            truncated: passed.truncated,
            totals: is_whole.then_some(sum.totals),
            matches,
            groups,
            groups_dropped,
            unmatched: (is_whole && watching.watch.pattern.is_some())
                .then_some(passed.found.rest.totals.all.objects),
            uploads: passed.uploads,
            common_prefixes: passed.common_prefixes,
        }
    }
}

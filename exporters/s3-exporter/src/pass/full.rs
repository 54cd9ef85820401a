//! Everything below the prefix.

use super::snapshot::Passed;
use crate::client::Endpoint;
use crate::client::failure::Failure;
use crate::clock;
use crate::config::Watching;
use crate::list::ranges;
use crate::list::walk::{Allowance, Walk};

pub(super) async fn pass(
    endpoint: &Endpoint,
    watching: &Watching,
    last: Option<&Passed>,
    allowance: &Allowance,
) -> Result<Passed, Failure> {
    let begun = clock::now();
    let walk = walk(endpoint, watching, &watching.prefix, allowance);
    let cuts = last.map_or(&[][..], |last| &last.cuts);
    let cuts = if watching.parallel() > 1 { cuts } else { &[] };
    let (found, cuts) = ranges::list(walk, watching, cuts).await?;
    Ok(Passed { found, cuts, verified: begun, ..Passed::default() })
}

pub(super) fn walk<'a>(
    endpoint: &'a Endpoint,
    watching: &'a Watching,
    prefix: &'a str,
    allowance: &'a Allowance,
) -> Walk<'a> {
    let watch = &watching.watch;
    Walk {
        endpoint,
        bucket: &watching.bucket,
        prefix,
        versions: watch.versions,
        ordered: watch.ordered,
        allowance,
    }
}

//! A whole prefix, several pages in flight: cut where the last pass has seen pages begin.
//!
//! Cuts cost no request, and every list stays nearly as long as it was: a split by delimiter can take thirty times the
//! requests.

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::fold::{Folder, Found};
use super::walk::{Range, Walk};
use crate::client::failure::Failure;
use crate::config::Watching;

/// A cut is remembered once in so many pages.
const PAGES: u64 = 20;
/// Cuts kept, at most: 200,000 pages.
const MAX_CUTS: usize = 10_000;

/// Lists all. Returns what was found, and cuts for the next time.
pub(crate) async fn list(
    walk: Walk<'_>,
    watching: &Watching,
    cuts: &[String],
) -> Result<(Found, Vec<String>), Failure> {
    let mut ranges = ranges(cuts).into_iter();
    let mut running = FuturesUnordered::new();
    running.extend(ranges.by_ref().take(watching.parallel()).map(|range| one(walk, watching, range)));
    let mut found = Found::default();
    let mut seen = Vec::new();
    while let Some(result) = running.next().await {
        let (part, cuts) = result?;
        found.add(part);
        seen.extend(cuts);
        if let Some(range) = ranges.next() {
            running.push(one(walk, watching, range));
        }
    }
    seen.sort_unstable();
    seen.dedup();
    seen.truncate(MAX_CUTS);
    Ok((found, seen))
}

async fn one(walk: Walk<'_>, watching: &Watching, range: Range) -> Result<(Found, Vec<String>), Failure> {
    let mut folder = Folder::new(watching);
    let mut cuts = Vec::new();
    let mut pages = 0;
    let page = |last: &str| {
        pages += 1;
        if pages % PAGES == 0 {
            cuts.push(last.to_owned());
        }
    };
    walk.run(&range, |item| folder.see(item), page).await?;
    // A stretch that has become short goes together with the next one.
    if let Some(until) = range.until.filter(|_| pages > PAGES / 4)
        && cuts.last() != Some(&until)
    {
        cuts.push(until);
    }
    Ok((folder.end(), cuts))
}

fn ranges(cuts: &[String]) -> Vec<Range> {
    let after = std::iter::once(None).chain(cuts.iter().cloned().map(Some));
    let until = cuts.iter().cloned().map(Some).chain([None]);
    after.zip(until).map(|(after, until)| Range { after, until }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_make_ranges_that_meet() {
        let range = |after: Option<&str>, until: Option<&str>| Range {
            after: after.map(str::to_owned),
            until: until.map(str::to_owned),
        };
        assert_eq!(ranges(&[]), [range(None, None)]);
        assert_eq!(
            ranges(&["b".to_owned(), "f".to_owned()]),
            [range(None, Some("b")), range(Some("b"), Some("f")), range(Some("f"), None)]
        );
    }
}

//! Under which name and type a family stands on the page, so that no name means two things.
//!
//! A histogram `h` has samples named `h_bucket`, `h_sum` and `h_count` (in OpenMetrics `h_created` too), a summary the
//! same without buckets. A family of such a name beside it is dropped, as the Go client's registry does: a parser would
//! read its samples as the histogram's, and promtool refuses the page.
//!
//! In OpenMetrics a counter `foo_total` is the family `foo`, which may have a sample `foo_created`, and `foo_info` is the
//! info `foo`. Where `foo` is on the page already (a gauge beside the counter) the family keeps its whole name and
//! becomes `unknown` or a gauge. That is also what the Go client makes of a counter without `_total`: the samples' names
//! never change.

use std::cmp::Ordering;

use super::{Entry, Format};
use crate::family::Kind;
use crate::page::{Page, RawHead};
use crate::parse::suffix::{ENDINGS, suffixes};

/// Name and type on the HELP and TYPE lines.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: &'static str,
}

/// The form of `family` among the families of `order`; none where it cannot stand there.
pub(super) fn form<'a>(
    pages: &[&Page],
    order: &[Entry],
    family: &RawHead<'a>,
    format: Format,
) -> Option<Form<'a>> {
    let kind_of = |base: &[u8], ending: &str| {
        let at = order.partition_point(|entry| compare(entry.name(pages), base, ending).is_lt());
        let entry = order.get(at).filter(|entry| compare(entry.name(pages), base, ending).is_eq())?;
        Some(entry.kind(pages))
    };
    for ending in ENDINGS {
        if let Some(base) = family.name.strip_suffix(ending.as_bytes())
            && let Some(kind @ (Kind::Histogram | Kind::Summary)) = kind_of(base, "")
            && suffixes(kind, format).contains(&ending)
        {
            return None;
        }
    }
    let whole = |kind| Some(Form { name: family.name, kind });
    match (family.kind, format) {
        (kind, Format::Text) => whole(kind.text()),
        (Kind::Counter, _) => match family.name.strip_suffix(b"_total") {
            Some(base)
                if kind_of(base, "").is_none()
                    && kind_of(base, "_created").is_none()
                    && kind_of(base, "_info") != Some(Kind::Info)
                    && !base.is_empty() =>
            {
                Some(Form { name: base, kind: "counter" })
            }
            _ => whole("unknown"),
        },
        (Kind::Info, _) => match family.name.strip_suffix(b"_info") {
            Some(base) if kind_of(base, "").is_none() && !base.is_empty() => {
                Some(Form { name: base, kind: "info" })
            }
            _ => whole("gauge"),
        },
        (Kind::Untyped, _) => whole("unknown"),
        (kind, _) => whole(kind.text()),
    }
}

/// `name` against `base` + `ending`.
fn compare(name: &[u8], base: &[u8], ending: &str) -> Ordering {
    let (head, tail) = name.split_at(name.len().min(base.len()));
    head.cmp(base).then_with(|| tail.cmp(ending.as_bytes()))
}

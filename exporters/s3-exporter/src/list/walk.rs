//! One stretch of keys, page by page.

use aws_sdk_s3::primitives::DateTime;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};
use crate::list::page;

/// One object, an old version of one, or a delete marker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) key: &'a str,
    pub(crate) bytes: u64,
    /// In seconds since 1970.
    pub(crate) modified: f64,
    pub(crate) class: &'a str,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Current,
    Old,
    Marker,
}

/// What a pass may still do, shared by all its stretches.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) pages: AtomicU64,
    objects: AtomicU64,
    most: u64,
}

impl Allowance {
    pub(crate) fn new(most: u64) -> Self {
        Self { pages: AtomicU64::new(0), objects: AtomicU64::new(0), most }
    }

    pub(crate) fn page(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what a page held; `false` where that is enough.
    fn objects(&self, count: usize) -> bool {
        self.objects.fetch_add(count as u64, Ordering::Relaxed) + (count as u64) < self.most
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.objects.load(Ordering::Relaxed) >= self.most
    }
}

/// What is listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) versions: bool,
    pub(crate) ordered: bool,
    pub(crate) allowance: &'a Allowance,
}

/// Keys behind the first and up to the second.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Range {
    pub(crate) after: Option<String>,
    pub(crate) until: Option<String>,
}

/// Where the next page begins.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Next {
    Token(String),
    Marker(String, Option<String>),
}

struct Order {
    last: String,
    strict: bool,
}

impl Order {
    fn check(&mut self, key: &str) -> Result<(), Failure> {
        let fits = if self.strict { key > self.last.as_str() } else { key >= self.last.as_str() };
        if !fits && !self.last.is_empty() {
            return Err(Failure::new(
                "key_order",
                "keys come in no order, so totals cannot be trusted; set `ordered: false` if it is a directory bucket",
            ));
        }
        self.last.clear();
        self.last.push_str(key);
        Ok(())
    }
}

impl Walk<'_> {
    /// Shows each item of the range to `each`; every page's last key to `page`.
    pub(crate) async fn run(
        &self,
        range: &Range,
        mut each: impl FnMut(Item<'_>),
        mut page: impl FnMut(&str),
    ) -> Result<(), Failure> {
        let mut next: Option<Next> = None;
        let mut current = Order { last: String::new(), strict: !self.versions };
        let mut markers = Order { last: String::new(), strict: false };
        loop {
            let mut count = 0;
            let mut beyond = false;
            let mut failed = Ok(());
            let mut see = |item: Item<'_>| {
                count += 1;
                if range.until.as_deref().is_some_and(|until| item.key > until) {
                    beyond = true;
                    return;
                }
                if self.ordered && failed.is_ok() {
                    let order = if item.kind == Kind::Marker { &mut markers } else { &mut current };
                    failed = order.check(item.key);
                }
                each(item);
            };
            let following = if self.versions {
                self.version_page(range, next.as_ref(), &mut see).await?
            } else {
                self.object_page(range, next.as_ref(), &mut see).await?
            };
            failed?;
            self.allowance.page();
            page(&current.last);
            let Some(following) = following else { return Ok(()) };
            if beyond || !self.allowance.objects(count) {
                return Ok(());
            }
            if next.as_ref() == Some(&following) {
                return Err(Failure::new("token_loop", "the server gives the same page's token again"));
            }
            next = Some(following);
        }
    }

    async fn object_page(
        &self,
        range: &Range,
        next: Option<&Next>,
        see: &mut impl FnMut(Item<'_>),
    ) -> Result<Option<Next>, Failure> {
        let token = next.and_then(|next| match next {
            Next::Token(token) => Some(token.clone()),
            Next::Marker(..) => None,
        });
        let page = self
            .endpoint
            .call(Operation::ListObjects, self.bucket, Spend::Budgeted, |client| {
                let request = client
                    .list_objects_v2()
                    .bucket(self.bucket)
                    .set_prefix(some(self.prefix))
                    // A token counts more, but some servers want both.
                    .set_start_after(range.after.clone().filter(|_| token.is_none()))
                    .set_continuation_token(token.clone());
                page::objects(request)
            })
            .await?;
        page.items().for_each(&mut *see);
        following(page.truncated, page.token.map(Next::Token))
    }

    async fn version_page(
        &self,
        range: &Range,
        next: Option<&Next>,
        see: &mut impl FnMut(Item<'_>),
    ) -> Result<Option<Next>, Failure> {
        let (key, version) = match next {
            Some(Next::Marker(key, version)) => (Some(key.clone()), version.clone()),
            _ => (range.after.clone(), None),
        };
        let page = self
            .endpoint
            .call(Operation::ListObjectVersions, self.bucket, Spend::Budgeted, |client| {
                let request = client
                    .list_object_versions()
                    .bucket(self.bucket)
                    .set_prefix(some(self.prefix))
                    .set_key_marker(key.clone())
                    .set_version_id_marker(version.clone());
                page::versions(request)
            })
            .await?;
        page.items().for_each(&mut *see);
        following(page.truncated, page.key_marker.map(|key| Next::Marker(key, page.version_marker)))
    }
}

fn following(truncated: bool, next: Option<Next>) -> Result<Option<Next>, Failure> {
    match (truncated, next) {
        (true, None) => Err(Failure::new(
            "no_token",
            "the server says that there is more and not where: its list cannot be read to its end",
        )),
        (true, next) => Ok(next),
        (false, _) => Ok(None),
    }
}

pub(crate) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(crate) fn seconds(time: Option<&DateTime>) -> f64 {
    time.map_or(0.0, DateTime::as_secs_f64)
}

//! A page of a list, from its XML.
//!
//! The SDK would read it whole and make an object of each entry; that is four fifths of what a listing costs. An entry here is
//! 32 bytes and its key.

use aws_sdk_s3::operation::list_object_versions::builders::ListObjectVersionsFluentBuilder;
use aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder;
use aws_sdk_s3::primitives::ByteStream;

use super::walk::{Item, Kind};
use super::xml::{Events, Malformed, Reader};
use crate::client::failure::Failure;
use crate::client::taken::Taken;
use crate::clock;

/// More on one page than any server sends is a mistake, or malice.
const MAX_ENTRIES: usize = 100_000;
/// Likewise for keys and prefixes together, in bytes.
const MAX_TEXT: usize = 64 << 20;
/// Classes of one page; those beyond count as `other`.
const MAX_CLASSES: usize = 100;

/// What one answer lists.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Keys and common prefixes, one after the other.
    text: String,
    entries: Vec<Entry>,
    /// Ends in `text` of the common prefixes.
    prefixes: Vec<(u32, u32)>,
    classes: Vec<String>,
    pub(crate) truncated: bool,
    /// Where the next page begins.
    pub(crate) token: Option<String>,
    pub(crate) key_marker: Option<String>,
    pub(crate) version_marker: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: (u32, u32),
    bytes: u64,
    modified: f64,
    class: u8,
    kind: Kind,
}

impl Page {
    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.entries.iter().map(|entry| Item {
            key: self.part(entry.key),
            bytes: entry.bytes,
            modified: entry.modified,
            class: self.classes.get(usize::from(entry.class)).map_or("other", String::as_str),
            kind: entry.kind,
        })
    }

    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.prefixes.iter().map(|part| self.part(*part))
    }

    fn part(&self, (start, end): (u32, u32)) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Sends a request for objects and common prefixes.
pub(crate) async fn objects(request: ListObjectsV2FluentBuilder) -> Result<Page, Failure> {
    let taken = Taken::new("<ListBucketResult/>");
    request.customize().interceptor(taken.clone()).send().await?;
    read(taken.body()).await
}

/// Sends a request for versions and delete markers.
pub(crate) async fn versions(request: ListObjectVersionsFluentBuilder) -> Result<Page, Failure> {
    let taken = Taken::new("<ListVersionsResult/>");
    request.customize().interceptor(taken.clone()).send().await?;
    read(taken.body()).await
}

async fn read(mut body: ByteStream) -> Result<Page, Failure> {
    let mut reader = PageReader::default();
    while let Some(bytes) = body.next().await {
        let bytes =
            bytes.map_err(|error| Failure::new("dispatch", format!("the page was cut off: {error}")))?;
        reader.feed(&bytes)?;
    }
    reader.end()
}

/// Reads a page as it arrives.
#[derive(Debug, Default)]
struct PageReader {
    xml: Reader,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    page: Page,
    depth: usize,
    /// The text of the innermost element so far.
    value: String,
    root: Root,
    entry: Option<Fields>,
    error: (String, String),
}

#[derive(Debug, Default, Eq, PartialEq)]
enum Root {
    #[default]
    None,
    List,
    Error,
}

/// An entry that is not whole yet.
#[derive(Debug)]
struct Fields {
    /// `None` for a common prefix.
    kind: Option<Kind>,
    key: Option<(u32, u32)>,
    bytes: u64,
    modified: f64,
    class: u8,
}

impl PageReader {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.xml.feed(bytes, &mut self.state)
    }

    fn end(self) -> Result<Page, Failure> {
        self.xml.end()?;
        match self.state.root {
            Root::Error => Err(Failure::told(200, &self.state.error.0, &self.state.error.1)),
            _ => Ok(self.state.page),
        }
    }
}

impl Events for State {
    type Error = Failure;

    fn open(&mut self, name: &str) -> Result<(), Failure> {
        self.depth += 1;
        self.value.clear();
        match (self.depth, &self.root) {
            (1, _) => {
                self.root = match name {
                    "ListBucketResult" | "ListVersionsResult" => Root::List,
                    "Error" => Root::Error,
                    _ => return Err(decode(format!("not a list of objects: it begins with <{name}>"))),
                }
            }
            (2, Root::List) => {
                let kind = match name {
                    "Contents" => Some(Kind::Current),
                    // Until it says that it is the latest one.
                    "Version" => Some(Kind::Old),
                    "DeleteMarker" => Some(Kind::Marker),
                    "CommonPrefixes" => None,
                    _ => return Ok(()),
                };
                let class = match kind {
                    Some(Kind::Marker) | None => self.class(""),
                    _ => self.class("STANDARD"),
                };
                self.entry = Some(Fields { kind, key: None, bytes: 0, modified: 0.0, class });
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.value.push_str(text);
        if self.value.len() > MAX_TEXT { Err(too_much()) } else { Ok(()) }
    }

    fn close(&mut self, name: &str) -> Result<(), Failure> {
        let depth = self.depth;
        self.depth -= 1;
        match (depth, &self.root) {
            (2, Root::Error) => match name {
                "Code" => self.error.0 = std::mem::take(&mut self.value),
                "Message" => self.error.1 = std::mem::take(&mut self.value),
                _ => {}
            },
            (2, Root::List) => match self.entry.take() {
                Some(entry) => self.entry(entry)?,
                None => self.setting(name)?,
            },
            (3, Root::List) => self.field(name)?,
            _ => {}
        }
        self.value.clear();
        Ok(())
    }
}

impl State {
    /// What holds for the whole page.
    fn setting(&mut self, name: &str) -> Result<(), Failure> {
        let value = || (!self.value.is_empty()).then(|| self.value.clone());
        match name {
            "IsTruncated" => self.page.truncated = truth(&self.value)?,
            "NextContinuationToken" => self.page.token = value(),
            "NextKeyMarker" => self.page.key_marker = value(),
            "NextVersionIdMarker" => self.page.version_marker = value(),
            _ => {}
        }
        Ok(())
    }

    /// What an entry says.
    fn field(&mut self, name: &str) -> Result<(), Failure> {
        let Some(mut entry) = self.entry.take() else { return Ok(()) };
        let value = self.value.as_str();
        match (name, entry.kind) {
            ("Prefix", None) | ("Key", Some(_)) => {
                let text = &mut self.page.text;
                let start = text.len() as u32;
                text.push_str(value);
                if text.len() > MAX_TEXT {
                    return Err(too_much());
                }
                entry.key = Some((start, text.len() as u32));
            }
            ("Size", Some(_)) => {
                entry.bytes = value.trim().parse().map_err(|_| decode(format!("a size of {value:?}")))?;
            }
            ("LastModified", Some(_)) => {
                entry.modified =
                    clock::instant(value.trim()).ok_or_else(|| decode(format!("a time of {value:?}")))?;
            }
            ("StorageClass", Some(_)) if !value.is_empty() => {
                let value = std::mem::take(&mut self.value);
                entry.class = self.class(&value);
                self.value = value;
            }
            ("IsLatest", Some(Kind::Old)) if truth(value)? => entry.kind = Some(Kind::Current),
            _ => {}
        }
        self.entry = Some(entry);
        Ok(())
    }

    fn entry(&mut self, entry: Fields) -> Result<(), Failure> {
        let Fields { kind, key, bytes, modified, class } = entry;
        let key = key.ok_or_else(|| decode("an entry without a key".to_owned()))?;
        let page = &mut self.page;
        if page.entries.len() + page.prefixes.len() >= MAX_ENTRIES {
            return Err(too_much());
        }
        match kind {
            None => page.prefixes.push(key),
            Some(kind) => page.entries.push(Entry { key, bytes, modified, class, kind }),
        }
        Ok(())
    }

    fn class(&mut self, name: &str) -> u8 {
        let classes = &mut self.page.classes;
        let at = classes.iter().position(|class| class == name).unwrap_or_else(|| {
            if classes.len() < MAX_CLASSES {
                classes.push(name.to_owned());
                classes.len() - 1
            } else {
                MAX_CLASSES
            }
        });
        at as u8
    }
}

fn truth(text: &str) -> Result<bool, Failure> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(decode(format!("neither true nor false: {other:?}"))),
    }
}

fn too_much() -> Failure {
    decode("a page that is too long".to_owned())
}

fn decode(message: String) -> Failure {
    Failure { status: 200, ..Failure::new("decode", message) }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        decode(format!("no XML that can be read: {}", malformed.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Page, Failure> {
        let mut reader = PageReader::default();
        for part in text.as_bytes().chunks(11) {
            reader.feed(part)?;
        }
        reader.end()
    }

    #[test]
    fn objects_and_prefixes() {
        let page = parsed(
            "<ListBucketResult xmlns='x'><Prefix>p</Prefix><IsTruncated>true</IsTruncated>\
             <Contents><Key>a &amp; b</Key><LastModified>1970-01-01T00:00:01.500Z</LastModified><ETag>&quot;1&quot;</ETag>\
             <Size>10</Size><Owner><ID>i</ID><Key>not this</Key></Owner><StorageClass>GLACIER</StorageClass></Contents>\
             <Contents><Size>0</Size><Key>c</Key></Contents>\
             <CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>\
             <NextContinuationToken>t&lt;</NextContinuationToken></ListBucketResult>",
        )
        .unwrap();
        let seen: Vec<_> = page
            .items()
            .map(|item| {
                format!("{} {} {} {} {:?}", item.key, item.bytes, item.modified, item.class, item.kind)
            })
            .collect();
        assert_eq!(seen, ["a & b 10 1.5 GLACIER Current", "c 0 0 STANDARD Current"]);
        assert_eq!(page.prefixes().collect::<Vec<_>>(), ["d/"]);
        assert_eq!((page.truncated, page.token.as_deref()), (true, Some("t<")));
    }

    #[test]
    fn versions() {
        let page = parsed(
            "<ListVersionsResult><IsTruncated>false</IsTruncated><NextKeyMarker>k</NextKeyMarker>\
             <NextVersionIdMarker/><Version><Key>a</Key><IsLatest>true</IsLatest><Size>1</Size></Version>\
             <DeleteMarker><Key>a</Key><IsLatest>true</IsLatest></DeleteMarker>\
             <Version><Key>a</Key><IsLatest>false</IsLatest><Size>2</Size></Version></ListVersionsResult>",
        )
        .unwrap();
        let seen: Vec<_> =
            page.items().map(|item| format!("{} {:?} {}", item.bytes, item.kind, item.class)).collect();
        assert_eq!(seen, ["1 Current STANDARD", "0 Marker ", "2 Old STANDARD"]);
        assert_eq!((page.key_marker.as_deref(), page.version_marker), (Some("k"), None));
    }

    #[test]
    fn what_is_no_list() {
        let entry =
            |inside: &str| format!("<ListBucketResult><Contents>{inside}</Contents></ListBucketResult>");
        for (text, code, told) in [
            ("<Error><Code>SlowDown</Code><Message>later</Message></Error>".to_owned(), "SlowDown", "later"),
            ("<html><body/></html>".to_owned(), "decode", "<html>"),
            ("<ListBucketResult>".to_owned(), "decode", "too early"),
            (entry(""), "decode", "without a key"),
            (entry("<Key>a</Key><Size>-1</Size>"), "decode", "-1"),
            (entry("<Key>a</Key><LastModified>yesterday</LastModified>"), "decode", "yesterday"),
            (
                "<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>".to_owned(),
                "decode",
                "maybe",
            ),
        ] {
            let failure = parsed(&text).unwrap_err();
            assert_eq!(failure.code, code, "{text}");
            assert!(failure.message.contains(told), "{text}: {failure}");
        }
    }

    #[test]
    fn a_page_has_a_bound() {
        let entries = "<Contents><Key>a</Key></Contents>".repeat(MAX_ENTRIES + 1);
        let failure = parsed(&format!("<ListBucketResult>{entries}</ListBucketResult>")).unwrap_err();
        assert!(failure.message.contains("too long"), "{failure}");
    }
}

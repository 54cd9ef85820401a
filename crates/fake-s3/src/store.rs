//! Buckets and objects.

use bytes::Bytes;
use std::collections::BTreeMap;

use crate::State;

/// A bucket.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// Versions by key, the newest first.
    pub objects: BTreeMap<String, Vec<Object>>,
    /// Uploads by key and id.
    pub uploads: BTreeMap<(String, String), Upload>,
    /// Whether old versions stay.
    pub versioned: bool,
    /// Where it says it is; `us-east-1` if empty.
    pub region: String,
    /// The XML of the rules.
    pub lifecycle: Option<String>,
    /// The XML of the rules.
    pub replication: Option<String>,
}

/// A version of an object.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it holds.
    pub content: Content,
    /// Seconds since 1970.
    pub modified: f64,
    /// `STANDARD`.
    pub class: &'static str,
    /// Its name among the versions.
    pub version: String,
    /// Without the prefix of their headers.
    pub metadata: Vec<(String, String)>,
}

/// What an object holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Only its size is known: enough for lists.
    Size(u64),
    /// All of it.
    Bytes(Bytes),
    /// Nothing: it was deleted.
    Marker,
}

/// An upload that was begun.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Seconds since 1970.
    pub begun: f64,
    /// Sizes.
    pub parts: Vec<u64>,
}

impl Object {
    /// An object of the usual class.
    pub fn new(content: Content, modified: f64) -> Self {
        Self { content, modified, class: "STANDARD", version: String::new(), metadata: Vec::new() }
    }

    pub(crate) fn size(&self) -> u64 {
        match &self.content {
            Content::Size(size) => *size,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Marker => 0,
        }
    }

    pub(crate) fn is_marker(&self) -> bool {
        matches!(self.content, Content::Marker)
    }
}

impl State {
    /// Puts a version of an object; returns its name.
    pub fn put(&mut self, bucket: &str, key: &str, mut object: Object) -> String {
        self.versions += 1;
        let number = self.versions;
        let bucket = self.buckets.entry(bucket.to_owned()).or_default();
        object.version = if bucket.versioned { format!("v{number}") } else { "null".to_owned() };
        let name = object.version.clone();
        let versions = bucket.objects.entry(key.to_owned()).or_default();
        if !bucket.versioned {
            versions.clear();
        }
        versions.insert(0, object);
        name
    }

    pub(crate) fn delete(&mut self, bucket: &str, key: &str, version: Option<&str>, now: f64) {
        let Some(own) = self.buckets.get_mut(bucket) else { return };
        match version {
            Some(version) => {
                if let Some(versions) = own.objects.get_mut(key) {
                    versions.retain(|one| one.version != version);
                }
            }
            None if own.versioned => {
                self.put(bucket, key, Object::new(Content::Marker, now));
                return;
            }
            None => {
                own.objects.remove(key);
            }
        }
        own.objects.retain(|_, versions| !versions.is_empty());
    }
}

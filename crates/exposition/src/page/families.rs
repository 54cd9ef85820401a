//! Which families are on a page, and which is open.
//!
//! A source may put its families in turn, device by device: each is found again by what it is known by, a declaration's
//! address or a name, so that the assembly sorts families and not runs.

use std::hash::{BuildHasher, Hasher};

use super::{Entry, FamilyRef, NONE, Page, Span};
use crate::family::{Desc, Kind};

/// The hash of a family that is not on the page yet.
struct Unknown(u64);

impl Page {
    pub(super) fn open_declared(&mut self, desc: &'static Desc) {
        if let Err(unknown) = self.find_declared(desc) {
            self.add(unknown, FamilyRef::Declared(desc), self.text.len());
        }
    }

    pub(super) fn open_dynamic(
        &mut self,
        desc: &'static Desc,
        suffix: &str,
        hole: Option<usize>,
        name: &[u8],
    ) {
        let start = self.text.len();
        self.text.extend_from_slice(desc.name.as_bytes());
        self.text.extend(name.iter().map(|&byte| {
            if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' { byte } else { b'_' }
        }));
        self.text.extend_from_slice(suffix.as_bytes());
        let Some((unknown, whole)) = self.find_written(start, desc.kind, Some(desc)) else { return };
        let help = self.text.len();
        let text = desc.help.as_bytes();
        let (before, after) = hole.map_or((text, &text[..0]), |at| (&text[..at], &text[at + 2..]));
        self.text.extend_from_slice(before);
        if hole.is_some() && name.is_ascii() {
            self.text.extend_from_slice(name);
        } else if hole.is_some() {
            self.text.extend_from_slice(String::from_utf8_lossy(name).as_bytes());
        }
        self.text.extend_from_slice(after);
        let help = self.span_from(help);
        let family = FamilyRef::Named { name: whole, help, kind: desc.kind, dynamic: Some(desc) };
        self.add(unknown, family, start);
    }

    /// `name` is valid.
    pub(super) fn open_foreign(&mut self, name: &str, kind: Kind, help: &str) {
        let start = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        let Some((unknown, name)) = self.find_written(start, kind, None) else { return };
        let help_at = self.text.len();
        self.text.extend_from_slice(help.as_bytes());
        let help = self.span_from(help_at);
        self.add(unknown, FamilyRef::Named { name, help, kind, dynamic: None }, start);
    }

    /// Opens a family of another page, whose texts were copied here.
    pub(super) fn open_moved(&mut self, family: FamilyRef) {
        let found = match family {
            FamilyRef::Declared(desc) => self.find_declared(desc),
            FamilyRef::Named { name, kind, dynamic, .. } => self.find_named(name, kind, dynamic),
        };
        if let Err(unknown) = found {
            self.add(unknown, family, self.text.len());
        }
    }

    fn find_declared(&mut self, desc: &'static Desc) -> Result<(), Unknown> {
        let is =
            |entry: &Entry| matches!(entry.family, FamilyRef::Declared(known) if std::ptr::eq(known, desc));
        if self.families.get(self.open as usize).is_some_and(is) {
            return Ok(());
        }
        let hash = self.hasher.hash_one(std::ptr::from_ref(desc).addr());
        let known = self.by_hash.find(hash, |&(_, at)| is(&self.families[at as usize]));
        let (_, at) = *known.ok_or(Unknown(hash))?;
        self.open = at;
        Ok(())
    }

    /// A family of another kind is another family; that it should not be is for the assembly to say.
    fn find_named(&mut self, name: Span, kind: Kind, dynamic: Option<&'static Desc>) -> Result<(), Unknown> {
        let name = self.bytes(name);
        let is = |entry: &Entry| match entry.family {
            FamilyRef::Named { name: known, kind: its, dynamic: origin, .. } => {
                its == kind && same(origin, dynamic) && self.bytes(known) == name
            }
            FamilyRef::Declared(_) => false,
        };
        if self.families.get(self.open as usize).is_some_and(is) {
            return Ok(());
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write(name);
        let hash = hasher.finish();
        let known = self.by_hash.find(hash, |&(_, at)| is(&self.families[at as usize]));
        let (_, at) = *known.ok_or(Unknown(hash))?;
        self.open = at;
        Ok(())
    }

    /// Opens the family whose name was written from `start` on and takes the name back, if it is known.
    fn find_written(
        &mut self,
        start: usize,
        kind: Kind,
        dynamic: Option<&'static Desc>,
    ) -> Option<(Unknown, Span)> {
        if self.text.len() > self.max_text {
            self.text.truncate(start);
            self.open = NONE;
            return None;
        }
        let name = self.span_from(start);
        match self.find_named(name, kind, dynamic) {
            Err(unknown) => Some((unknown, name)),
            Ok(()) => {
                self.text.truncate(start);
                None
            }
        }
    }

    /// Adds and opens a family whose texts were written from `start` on. On a full page none is open then.
    fn add(&mut self, Unknown(hash): Unknown, family: FamilyRef, start: usize) {
        if self.text.len() > self.max_text {
            self.text.truncate(start);
            self.open = NONE;
            return;
        }
        let at = self.families.len() as u32;
        self.families.push(Entry { family, first_run: NONE, last_run: NONE });
        self.by_hash.insert_unique(hash, (hash, at), |&(hash, _)| hash);
        self.open = at;
    }
}

fn same(a: Option<&'static Desc>, b: Option<&'static Desc>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => std::ptr::eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

//! Finding fields without searching for them.

use super::fields::{FIELDS, Field, find};

/// The fields that a server told last, in their order: it mostly tells the same ones again, and then none is searched.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    told: Vec<Option<&'static Field>>,
    next: usize,
}

/// More than any server tells.
const MOST_TOLD: usize = 1024;

impl Recall {
    /// Before the first field.
    pub(crate) fn begin(&mut self) {
        self.next = 0;
    }

    /// The next field, if it is one of [`FIELDS`].
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<&'static Field> {
        let at = self.next;
        self.next += 1;
        if let Some(Some(field)) = self.told.get(at)
            && field.name.as_bytes() == name
        {
            return Some(field);
        }
        let found = find(FIELDS, name);
        if at < MOST_TOLD {
            self.told.resize(self.told.len().max(at + 1), None);
            self.told[at] = found;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_any_order() {
        let mut recall = Recall::default();
        let names: [&[u8]; 4] = [b"used_memory", b"no_field", b"hz", b"loading"];
        let mut turned = names;
        for _ in 0..6 {
            recall.begin();
            for name in turned {
                let of = |field: Option<&'static Field>| field.map(|field| field.name);
                assert_eq!(of(recall.find(name)), of(find(FIELDS, name)), "{}", name.escape_ascii());
            }
            turned.rotate_left(1);
        }
        recall.begin();
        (0..3000).for_each(|_| assert!(recall.find(b"hz").is_some()));
        assert_eq!(recall.told.len(), MOST_TOLD);
    }
}

//! The set of labels a series can carry.

use std::collections::BTreeSet;

/// Label names, or "whatever": what comes out of a metric nobody knows is not worth a second message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Labels {
    Any,
    Known(BTreeSet<String>),
}

impl Labels {
    pub(super) fn none() -> Labels {
        Labels::Known(BTreeSet::new())
    }

    pub(super) fn of<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Labels {
        Labels::Known(names.into_iter().map(Into::into).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Labels::Any => true,
            Labels::Known(set) => set.contains(name),
        }
    }

    pub(super) fn with<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Labels {
        match self {
            Labels::Any => Labels::Any,
            Labels::Known(mut set) => {
                set.extend(names.into_iter().map(Into::into));
                Labels::Known(set)
            }
        }
    }

    pub(super) fn without<S: AsRef<str>>(self, names: &[S]) -> Labels {
        match self {
            Labels::Any => Labels::Any,
            Labels::Known(mut set) => {
                set.retain(|label| !names.iter().any(|name| name.as_ref() == label));
                Labels::Known(set)
            }
        }
    }

    /// Those of `names` that are there.
    pub(super) fn keep<S: AsRef<str>>(&self, names: &[S]) -> Labels {
        Labels::of(names.iter().map(AsRef::as_ref).filter(|name| self.has(name)))
    }

    /// What either has. "Whatever" adds nothing to what is known.
    pub(super) fn union(self, other: &Labels) -> Labels {
        match (self, other) {
            (Labels::Any, other) => other.clone(),
            (known, Labels::Any) => known,
            (known, Labels::Known(set)) => known.with(set.iter().cloned()),
        }
    }

    /// What only one of the two has; nothing where one is unknown.
    pub(super) fn difference(&self, other: &Labels) -> Vec<String> {
        match (self, other) {
            (Labels::Known(a), Labels::Known(b)) => a.symmetric_difference(b).cloned().collect(),
            _ => Vec::new(),
        }
    }
}

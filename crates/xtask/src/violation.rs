use std::fmt;

/// One broken rule of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// File, and where in it: a line, a rule, a panel.
    pub place: String,
    /// What is wrong, and the cure where it is not plain.
    pub what: String,
}

impl Violation {
    /// A violation at this place.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Violation {
        Violation { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

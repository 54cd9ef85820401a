//! What may have been meant by a name that nobody knows.

/// As alike as this, as clap has it.
const ALIKE: f64 = 0.7;

/// `, did you mean "x"?`, or nothing.
pub(crate) fn meant(given: &str, known: impl Iterator<Item = String>) -> String {
    let alike = known.map(|name| (strsim::jaro(given, &name), name));
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    match best {
        Some((likeness, name)) if likeness > ALIKE => format!(", did you mean {name:?}?"),
        _ => String::new(),
    }
}

//! What is wrong with a file, in words for whoever writes it: the parser speaks of Rust's types.

use exporter_core::unquoted;
use std::collections::BTreeSet;

/// What the parser calls its types, and what one writes instead.
const WORDS: [(&str, &str); 14] = [
    ("invalid type: ", ""),
    ("unknown field ", "unknown option "),
    ("unknown variant ", "unknown value "),
    ("missing field ", "missing option "),
    // An empty text is taken too; nobody means it.
    ("one of `ip4`, ``, `ip6`", "`ip4` or `ip6`"),
    (", expected a sequence", ": write a list, like [a, b]"),
    (", expected a map", ": write options and values, like {a: b}"),
    (", expected struct", ": write options and values, of"),
    (", expected a string", ": write a text"),
    (", expected a boolean", ": write true or false"),
    (", expected path string", ": write a path"),
    (", expected any valid JSON value", ": write a value"),
    ("sequence", "list"),
    ("unit value", "nothing"),
];
const NUMBERS: [&str; 8] = ["u8", "u16", "u32", "u64", "usize", "i32", "i64", "f64"];

/// The parser's message, its place first: behind a cure it would read as part of that.
pub(crate) fn of(error: &serde_yaml::Error) -> String {
    let text = unquoted(&error.to_string()).replace('\n', " ");
    let (text, place) = match error.location() {
        Some(at) => {
            let behind = format!(" at line {} column {}", at.line(), at.column());
            (text.replace(&behind, ""), format!("line {}, column {}: ", at.line(), at.column()))
        }
        None => (text, String::new()),
    };
    let mut text = text;
    for (theirs, ours) in WORDS {
        text = text.replace(theirs, ours);
    }
    for number in NUMBERS {
        let whole = if number == "f64" { "" } else { "whole " };
        if let Some(start) = text.strip_suffix(&format!(", expected {number}")) {
            text = format!("{start}: write a {whole}number");
        }
    }
    place + &text
}

/// An option that nobody knows, and what was meant.
pub(crate) fn unknown(given: &str, known: &[&[&str]]) -> String {
    let known: BTreeSet<&str> = known.iter().flat_map(|names| names.iter().copied()).collect();
    match known.iter().min_by_key(|name| distance(given, name)).filter(|name| distance(given, name) <= 2) {
        Some(near) => format!("unknown option {given:?}; did you mean {near:?}?"),
        None => {
            let all: Vec<&str> = known.into_iter().collect();
            format!("unknown option {given:?}; known: {}", all.join(", "))
        }
    }
}

/// Letters that must be put in, taken out or changed to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = before + usize::from(from != *to);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far() {
        for (a, b, steps) in
            [("metod", "method", 1), ("intervall", "interval", 1), ("", "ab", 2), ("x", "x", 0)]
        {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
        assert_eq!(
            unknown("metod", &[&["method"], &["url"]]),
            r#"unknown option "metod"; did you mean "method"?"#
        );
        assert_eq!(unknown("nope", &[&["b"], &["a"]]), r#"unknown option "nope"; known: a, b"#);
    }
}

//! The code of `lengths.rs`: how it is made, and that it still fits the pages of the exporters beside this crate.

use super::lengths::{DISTANCES, LITERALS};
use super::matches::{Matches, Token};
use super::tables::{distance_symbol, length_symbol};
use std::path::Path;

const LONGEST: usize = 15;

/// The pages that the exporters' tests compare theirs with, numbers in the place of what varies.
fn golden_pages() -> Vec<String> {
    let exporters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../exporters");
    let mut pages = Vec::new();
    for exporter in std::fs::read_dir(exporters).unwrap() {
        let Ok(files) = std::fs::read_dir(exporter.unwrap().path().join("tests/golden")) else { continue };
        for file in files {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            if !text.starts_with("# HELP ") {
                continue;
            }
            let mut number = 1_u64;
            let pieces = text.split('…').map(|piece| {
                number = number.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
                format!("{piece}{}", f64::from((number >> 40) as u32) / 64.0)
            });
            pages.push(pieces.collect());
        }
    }
    pages
}

/// How often each symbol is put.
fn counts(pages: &[String]) -> ([u64; LITERALS.len()], [u64; DISTANCES.len()]) {
    // None is without a code.
    let mut counts = ([1; LITERALS.len()], [1; DISTANCES.len()]);
    for page in pages.iter().map(String::as_bytes) {
        let mut at = 0;
        Matches::new().find(page, 0..page.len(), |token| match token {
            Token::Literals { count } => {
                page[at..at + count].iter().for_each(|byte| counts.0[usize::from(*byte)] += 1);
                at += count;
            }
            Token::Match { length, distance } => {
                counts.0[length_symbol(length).0] += 1;
                counts.1[distance_symbol(distance).0] += 1;
                at += length;
            }
        });
    }
    counts
}

/// Lengths of Huffman's code; counts are made more alike until no code is too long.
fn huffman(counts: &[u64]) -> Vec<u8> {
    let mut counts = counts.to_vec();
    loop {
        let mut trees: Vec<(u64, Vec<usize>)> =
            counts.iter().enumerate().map(|(symbol, count)| (*count, vec![symbol])).collect();
        let mut lengths = vec![0; counts.len()];
        while trees.len() > 1 {
            trees.sort_by(|a, b| b.cmp(a));
            let (Some(a), Some(b)) = (trees.pop(), trees.pop()) else { break };
            let both = [a.1, b.1].concat();
            both.iter().for_each(|symbol| lengths[*symbol] += 1);
            trees.push((a.0 + b.0, both));
        }
        if lengths.iter().all(|length| usize::from(*length) <= LONGEST) {
            return lengths;
        }
        counts.iter_mut().for_each(|count| *count = *count / 2 + 1);
    }
}

fn bits(counts: &[u64], lengths: &[u8]) -> u64 {
    counts.iter().zip(lengths).map(|(count, length)| count * u64::from(*length)).sum()
}

fn source(literals: &[u8], distances: &[u8]) -> String {
    let table = |name: &str, doc: &str, lengths: &[u8]| {
        let lines = lengths.chunks(32).map(|line| {
            let line: Vec<String> = line.iter().map(u8::to_string).collect();
            format!("    {},\n", line.join(", "))
        });
        let lines: String = lines.collect();
        format!(
            "\n/// {doc}\n#[rustfmt::skip]\npub(super) const {name}: [u8; {}] = [\n{lines}];\n",
            lengths.len()
        )
    };
    format!(
        "//! Lengths of the code that pages are written in. Made by `UPDATE=1 cargo test -p exposition training` from the\n\
         //! exporters' golden pages.\n{}{}",
        table("LITERALS", "For bytes, the end, and lengths of matches.", literals),
        table("DISTANCES", "For distances of matches.", distances),
    )
}

#[test]
fn the_code_fits_the_pages() {
    let counts = counts(&golden_pages());
    let (literals, distances) = (huffman(&counts.0), huffman(&counts.1));
    if std::env::var_os("UPDATE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gzip/lengths.rs");
        std::fs::write(path, source(&literals, &distances)).unwrap();
        return;
    }
    let best = bits(&counts.0, &literals) + bits(&counts.1, &distances);
    let ours = bits(&counts.0, &LITERALS) + bits(&counts.1, &DISTANCES);
    assert!(ours * 100 < best * 105, "{ours} bits, {best} with a new code: UPDATE=1 makes one");
}

//! The parsers and the writer before an independent judge: `promtool check metrics`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]

mod corpus;
#[allow(dead_code, reason = "shared with the round trips")]
mod generate;
mod judge;

use exposition::parse::{parse, parse_lenient};
use exposition::{Assembly, Format, Options};
use judge::{Promtool, every};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

#[test]
fn corpus_verdicts_are_promtools() {
    let promtool = Promtool::find();
    every(corpus::TAKEN, |page| {
        assert_eq!(promtool.refuses(page), None, "{}", show(page));
        assert_eq!(parse(page, Format::Text).err(), None, "{}", show(page));
        assert_eq!(parse_lenient(page).err(), None, "{}", show(page));
    });
    every(corpus::REFUSED, |page| {
        assert!(promtool.refuses(page).is_some(), "promtool takes {}", show(page));
        assert!(parse(page, Format::Text).is_err(), "the strict parser takes {}", show(page));
        assert!(parse_lenient(page).is_err(), "the lenient parser takes {}", show(page));
    });
    every(corpus::DIFFER, |differ| {
        let page = differ.page;
        assert_eq!(promtool.refuses(page), None, "{}", show(page));
        assert!(parse(page, Format::Text).is_err(), "taken although {}: {}", differ.why, show(page));
        assert_eq!(parse_lenient(page).is_ok(), differ.lenient, "{}: {}", differ.why, show(page));
    });
}

/// What the strict parser takes the lenient one takes, and what that takes promtool takes.
#[test]
fn nothing_is_taken_that_promtool_refuses() {
    let promtool = Promtool::find();
    let pages = samples(generate::mutated_text_page(), 150);
    let taken: Vec<_> = pages.iter().filter(|page| parse_lenient(page).is_ok()).collect();
    assert!(taken.len() > 10, "only {} of the mutated pages are valid: the test tests nothing", taken.len());
    every(&taken, |page| assert_eq!(promtool.refuses(page), None, "{}", show(page)));
    for page in pages {
        assert!(parse(&page, Format::Text).is_err() || parse_lenient(&page).is_ok(), "{}", show(&page));
    }
}

#[test]
fn promtool_takes_what_is_written() {
    let promtool = Promtool::find();
    every(&samples(generate::pages(), 60), |page| {
        let mut out = Vec::new();
        Assembly::new().write(&[page], &Options::new(Format::Text), &mut out);
        assert_eq!(promtool.refuses(&out), None, "{}", show(&out));
    });
}

/// The same values at each run, so that a failure is found again.
fn samples<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn show(page: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(page))
}

//! Any bytes: no parser panics, what is read can be put on a page and written, and what is written is valid again.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exposition_fuzz_checks::any_input(input));

#[path = "../checks.rs"]
mod exposition_fuzz_checks;

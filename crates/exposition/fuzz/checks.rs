//! What must hold for any input. The fuzz targets call it, and an ordinary test with the seeds.

use exposition::parse::{Family, parse, parse_lenient};
use exposition::{Assembly, Format, Options, Page};

/// Parses `input` in every way; what is read can be put on a page, and what is written of it can be read strictly.
pub(crate) fn any_input(input: &[u8]) {
    let strict = parse(input, Format::Text);
    let lenient = parse_lenient(input);
    if let Ok(families) = &strict {
        let lenient = lenient.as_ref().expect("the lenient parser reads what the strict one reads");
        assert_eq!(samples(families), samples(lenient));
        // Nothing is lost of a valid page.
        assert_eq!(written(families, Format::Text), samples(families));
    }
    if let Ok(families) = &lenient {
        written(families, Format::Text);
    }
    if let Ok(families) = parse(input, Format::OpenMetrics) {
        written(&families, Format::OpenMetrics);
    }
}

fn samples(families: &[Family<'_>]) -> usize {
    families.iter().map(|family| family.samples.len()).sum()
}

/// Puts and writes all families; how many samples were written. What is written must be readable: by the strict parser
/// where the families were, since a histogram that came broken leaves broken.
fn written(families: &[Family<'_>], format: Format) -> usize {
    let mut page = Page::new();
    for family in families {
        page.put_parsed(family).expect("what was parsed can be put");
    }
    let mut out = Vec::new();
    let written = Assembly::new().write(&[&page], &Options::new(format), &mut out);
    let dropped: u64 = written.dropped.iter().map(|dropped| dropped.samples).sum();
    assert_eq!(written.samples as u64 + dropped, page.len() as u64);
    if format == Format::Text {
        let again = parse_lenient(&out).expect("what was written can be read");
        assert_eq!(samples(&again), written.samples);
    }
    written.samples
}

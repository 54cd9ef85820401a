//! Valid pages from any bytes: names, labels and values by a byte's choice, so that clashes, duplicates and escapes are
//! frequent. What is written is read strictly, in both formats.
#![no_main]

use exposition::{Assembly, Format, Kind, LabelValue, Options, Page, parse::parse};

const NAMES: [&str; 8] = ["a", "a_total", "a_info", "a_count", "a_bucket", "a_created", "b", "b_sum"];
const KINDS: [Kind; 4] = [Kind::Counter, Kind::Gauge, Kind::Untyped, Kind::Info];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut page = Page::new();
    for piece in input.split(|&byte| byte == 0) {
        let [choice, rest @ ..] = piece else { continue };
        let (name, kind) = (NAMES[(choice & 7) as usize], KINDS[(choice >> 3 & 3) as usize]);
        let Ok(mut family) = page.foreign(name, kind, "Help.") else { continue };
        // Without empty values, which are no labels to a parser.
        let labels = (!rest.is_empty()).then_some(("x", &rest as &dyn LabelValue));
        let _ = family.put("", labels, 1.0);
    }
    for format in [Format::Text, Format::OpenMetrics] {
        let mut out = Vec::new();
        let written = Assembly::new().write(&[&page], &Options::new(format), &mut out);
        let families = parse(&out, format).unwrap_or_else(|error| {
            panic!("{error}\n{}", String::from_utf8_lossy(&out));
        });
        assert_eq!(families.iter().map(|family| family.samples.len()).sum::<usize>(), written.samples);
    }
});

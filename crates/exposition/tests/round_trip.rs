//! Random pages are written, parsed and compared; whatever is parsed, nothing panics.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]

#[allow(dead_code, reason = "shared with the test that asks promtool")]
mod corpus;
#[allow(dead_code, reason = "shared with the test that asks promtool")]
mod generate;

use exposition::parse::{self, parse, parse_lenient};
use exposition::{Assembly, Format, Kind, Options, Page, Written};
use generate::{Model, clashing, models, mutated_text_page};
use proptest::prelude::*;

fn write(page: &Page, format: Format) -> (String, Written) {
    let mut out = Vec::new();
    let written = Assembly::new().write(&[page], &Options::new(format), &mut out);
    (String::from_utf8(out).unwrap(), written)
}

/// A page as what can be compared: name, kind, help and samples of each family, by name.
type Flat = Vec<FlatFamily>;
type FlatFamily = (String, Kind, String, Vec<FlatSample>);
/// Name, labels, bits of the value.
type FlatSample = (String, Vec<(String, String)>, u64);

fn expected(models: &[Model], format: Format) -> Flat {
    let mut flat: Flat = models.iter().map(|model| expected_family(model, format)).collect();
    flat.sort_by(|a, b| a.0.cmp(&b.0));
    flat
}

fn expected_family(model: &Model, format: Format) -> FlatFamily {
    let (name, kind, help) = match format {
        // The format cannot say that a help text begins with blanks.
        Format::Text => {
            let kind = if model.kind == Kind::Info { Kind::Gauge } else { model.kind };
            (&*model.name, kind, model.help.trim_start_matches([' ', '\t']))
        }
        Format::OpenMetrics => {
            let (name, kind) = match model.kind {
                Kind::Counter => model
                    .name
                    .strip_suffix("_total")
                    .map_or((&*model.name, Kind::Untyped), |base| (base, Kind::Counter)),
                Kind::Info => model
                    .name
                    .strip_suffix("_info")
                    .map_or((&*model.name, Kind::Gauge), |base| (base, Kind::Info)),
                kind => (&*model.name, kind),
            };
            (name, kind, &*model.help)
        }
    };
    let samples = model.metrics.iter().flat_map(|metric| {
        metric.value.lines().into_iter().map(|(suffix, own, value)| {
            let mut labels: Vec<_> = metric.labels.clone().into_iter().collect();
            // Bounds are compared as numbers.
            labels.extend(own.map(|(name, bound)| (name.to_owned(), format!("{bound:?}"))));
            (format!("{}{suffix}", model.name), labels, bits(value))
        })
    });
    (name.to_owned(), kind, help.to_owned(), samples.collect())
}

fn found(families: &[parse::Family<'_>]) -> Flat {
    let family = |family: &parse::Family<'_>| {
        let samples = family.samples.iter().map(|sample| {
            let labels = sample.labels.iter().map(|(name, value)| match *name {
                "le" | "quantile" => ((*name).to_owned(), format!("{:?}", value.parse::<f64>().unwrap())),
                name => (name.to_owned(), value.to_string()),
            });
            (format!("{}{}", family.name, sample.suffix), labels.collect(), bits(sample.value))
        });
        let help = family.help.clone().unwrap_or_default().into_owned();
        (family.name.to_owned(), family.kind, help, samples.collect())
    };
    let mut flat: Flat = families.iter().map(family).collect();
    flat.sort_by(|a, b| a.0.cmp(&b.0));
    flat
}

/// Any NaN is the same, minus zero is not zero.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_reads_back(models in models()) {
        let (text, written) = write(&generate::page(&models), Format::Text);
        prop_assert_eq!(&written.dropped, &[]);
        let families = parse(&text, Format::Text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(found(&families), expected(&models, Format::Text), "{}", text);
        // The lenient parser reads what the strict one reads, and a parsed page says the same again.
        prop_assert_eq!(found(&parse_lenient(&text).unwrap()), found(&families));
        let mut again = Page::new();
        for family in &families {
            again.put_parsed(family).unwrap();
        }
        let (again, written) = write(&again, Format::Text);
        prop_assert_eq!(&written.dropped, &[]);
        prop_assert_eq!(found(&parse(&again, Format::Text).unwrap()), found(&families));
    }

    #[test]
    fn openmetrics_reads_back(models in models()) {
        let (text, written) = write(&generate::page(&models), Format::OpenMetrics);
        prop_assert_eq!(&written.dropped, &[]);
        let families = parse(&text, Format::OpenMetrics).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(found(&families), expected(&models, Format::OpenMetrics), "{}", text);
        let mut again = Page::new();
        for family in &families {
            again.put_parsed(family).unwrap();
        }
        // A counter without `_total` has become unknown, the rest is as it was.
        prop_assert_eq!(write(&again, Format::OpenMetrics).0, text);
    }

    #[test]
    fn clashing_names_give_valid_pages(models in clashing()) {
        let page = generate::page(&models);
        for format in [Format::Text, Format::OpenMetrics] {
            let (text, written) = write(&page, format);
            let read = parse(&text, format).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(read.iter().map(|family| family.samples.len()).sum::<usize>(), written.samples);
            let dropped: u64 = written.dropped.iter().map(|dropped| dropped.samples).sum();
            prop_assert_eq!(written.samples as u64 + dropped, page.len() as u64);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(page: Vec<u8>) {
        let _ = (parse(&page, Format::Text), parse(&page, Format::OpenMetrics), parse_lenient(&page));
    }

    #[test]
    fn mutated_pages_do_not_panic(page in mutated_text_page()) {
        let _ = (parse(&page, Format::OpenMetrics), parse_lenient(&page));
        // What the strict parser takes can be put on a page.
        if let Ok(families) = parse(&page, Format::Text) {
            let mut again = Page::new();
            for family in &families {
                again.put_parsed(family).unwrap();
            }
        }
    }

    #[test]
    fn mutated_openmetrics_pages_do_not_panic(models in models(), at: prop::sample::Index, byte: u8) {
        let mut page = write(&generate::page(&models), Format::OpenMetrics).0.into_bytes();
        let at = at.index(page.len());
        page[at] = byte;
        let _ = parse(&page, Format::OpenMetrics);
    }
}

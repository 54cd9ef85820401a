use super::*;
use crate::{Assembly, Format, Options, Reason, parse};

static A: Family<1> = Family::gauge("a", "A.", &["x"]);
static B: Family<1> = Family::counter("b_total", "B.", &["x"]);
static BARE: Family<0> = Family::gauge("bare", "Bare.", &[]);
static FIELD: Dynamic<1> = Dynamic::new(Kind::Gauge, "f_", "Field {}.", &["x"]);

fn write(page: &Page) -> String {
    let mut out = Vec::new();
    Assembly::new().write(&[page], &Options::new(Format::Text), &mut out);
    let text = String::from_utf8(out).unwrap();
    parse::parse(&text, Format::Text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    text
}

fn names(page: &Page) -> Vec<&str> {
    page.families().map(|family| family.name).collect()
}

#[test]
fn families_in_turn_are_found_again() {
    let mut page = Page::new();
    for device in ["eth0", "eth1", "eth2"] {
        page.put(&A, [&device], 1_u64);
        page.put(&B, [&device], 2_u64);
        page.put_dynamic(&FIELD, b"one", [&device], 3_u64);
        page.put_dynamic(&FIELD, b"two", [&device], 4_u64);
    }
    assert_eq!(names(&page), ["a", "b_total", "f_one", "f_two"]);
    let text = write(&page);
    assert!(text.contains("a{x=\"eth0\"} 1\na{x=\"eth1\"} 1\na{x=\"eth2\"} 1\n"), "{text}");
    assert!(text.contains("f_two{x=\"eth0\"} 4\nf_two{x=\"eth1\"} 4\nf_two{x=\"eth2\"} 4\n"), "{text}");
}

#[test]
fn appended_families_are_found_again() {
    let (mut whole, mut part) = (Page::new(), Page::new());
    for device in ["eth0", "eth1"] {
        part.clear();
        part.put(&A, [&device], 1_u64);
        part.put_dynamic(&FIELD, b"one", [&device], 3_u64);
        part.foreign("theirs", Kind::Untyped, "Theirs.").unwrap().put("", [], 5.0).unwrap();
        part.put(&A, [&"both"], 2_u64);
        whole.append(&part);
    }
    assert_eq!(names(&whole), ["a", "f_one", "theirs"]);
    let text = write(&whole);
    assert!(text.starts_with(
        "# HELP a A.\n# TYPE a gauge\na{x=\"eth0\"} 1\na{x=\"both\"} 2\na{x=\"eth1\"} 1\n# HELP f_one Field one.\n"
    ));
}

#[test]
fn a_full_page_refuses_and_counts_and_stays_valid() {
    let mut page = Page { max_text: 200, ..Page::new() };
    for at in 0..100_u32 {
        page.put(&A, [&at], 1_u64);
        page.put(&BARE, [], at);
        page.put_dynamic(&FIELD, at.to_string().as_bytes(), [&at], 1_u64);
        let name = format!("theirs_{at}");
        page.foreign(&name, Kind::Gauge, "Theirs.").unwrap().put("", [("x", &at as _)], 1.0).unwrap();
        assert!(page.text.len() <= 200);
    }
    assert_eq!(page.len() as u64 + page.refused(), 400);
    assert!(!page.is_empty() && page.runs.len() <= page.len() && page.families.len() < 20);
    let mut out = Vec::new();
    let written = Assembly::new().write(&[&page], &Options::new(Format::Text), &mut out);
    let full = written.dropped.iter().find(|dropped| dropped.reason == Reason::PageFull).unwrap();
    assert_eq!(full.samples, page.refused());
    parse::parse_lenient(&out).unwrap();

    let mut other = Page::new();
    other.put_dynamic(&FIELD, &[b'x'; 200], [&"value"], 1_u64);
    let (len, refused) = (page.len(), page.refused());
    page.append(&other);
    assert_eq!((page.len(), page.refused()), (len, refused + 1));

    page.clear();
    page.put(&A, [&"again"], 1_u64);
    assert_eq!((page.len(), page.refused()), (1, 0));
}

#[test]
fn a_label_value_larger_than_the_page_is_refused_whole() {
    let mut page = Page { max_text: 100, ..Page::new() };
    page.put(&A, [&"x".repeat(200)], 1_u64);
    page.put(&A, [&"y"], 1_u64);
    assert_eq!(page.refused(), 1);
    assert_eq!(write(&page), "# HELP a A.\n# TYPE a gauge\na{x=\"y\"} 1\n");
}

#[test]
fn dynamic_names_are_always_names() {
    static BARE_FIELD: Dynamic<0> = Dynamic::new(Kind::Untyped, "p_", "Of {}.", &[]);
    let mut page = Page::new();
    page.put_dynamic(&BARE_FIELD, b"", [], 1_u64);
    page.put_dynamic(&BARE_FIELD, b"9", [], 1_u64);
    page.put_dynamic(&BARE_FIELD, b"a\xff\n\"", [], 1_u64);
    assert_eq!(names(&page), ["p_", "p_9", "p_a___"]);
    assert!(write(&page).contains("# HELP p_a___ Of a\u{fffd}\\n\".\n"));
}

#[test]
fn a_foreign_family_is_checked() {
    let mut page = Page::new();
    assert_eq!(page.foreign("a-b", Kind::Gauge, "").unwrap_err(), ForeignError::MetricName);
    let mut family = page.foreign("theirs", Kind::Gauge, "").unwrap();
    let value = &"1" as &dyn LabelValue;
    assert_eq!(family.put("", [("x", value), ("a-b", value)], 1.0), Err(ForeignError::LabelName));
    assert_eq!(family.put("", [("__name__", value)], 1.0), Err(ForeignError::LabelName));
    assert_eq!(family.put("", [("x", value), ("x", value)], 1.0), Err(ForeignError::LabelTwice));
    assert_eq!(family.put("_bucket", [("le", value)], 1.0), Err(ForeignError::Suffix));
    assert_eq!(family.put("_other", [], 1.0), Err(ForeignError::Suffix));
    family.put("", [("y", value), ("x", value)], 1.0).unwrap();
    assert_eq!(write(&page), "# HELP theirs \n# TYPE theirs gauge\ntheirs{x=\"1\",y=\"1\"} 1\n");
}

#[test]
fn a_foreign_family_of_another_kind_is_not_mixed_with_the_one_before() {
    let mut page = Page::new();
    page.put(&A, [&"ours"], 1_u64);
    page.foreign("a", Kind::Counter, "").unwrap().put("", [], 1.0).unwrap();
    page.foreign("a", Kind::Gauge, "").unwrap().put("", [], 2.0).unwrap();
    let mut out = Vec::new();
    let written = Assembly::new().write(&[&page], &Options::new(Format::Text), &mut out);
    assert_eq!(out, b"# HELP a A.\n# TYPE a gauge\na{x=\"ours\"} 1\na 2\n");
    assert_eq!((written.dropped[0].reason, written.dropped[0].samples), (Reason::TypeConflict, 1));
}

#[test]
fn a_parsed_family_is_put_whole_or_not() {
    let text = "# TYPE h histogram\nh_bucket{le=\"1\",op=\"r\"} 1\nh_bucket{le=\"+Inf\",op=\"r\"} 2 9\nh_count{op=\"r\"} 2\n";
    let mut families = parse::parse(text, Format::Text).unwrap();
    let mut page = Page::new();
    page.put_parsed(&families[0]).unwrap();
    assert!(
        write(&page).contains("h_bucket{op=\"r\",le=\"1\"} 1\nh_bucket{op=\"r\",le=\"+Inf\"} 2\nh_count")
    );
    families[0].samples[2].suffix = "_total";
    let mut page = Page::new();
    assert_eq!(page.put_parsed(&families[0]), Err(ForeignError::Suffix));
    assert!(page.is_empty());
}

#[test]
fn openmetrics_families_get_their_whole_names_back() {
    let text = "# TYPE c counter\nc_total 1\nc_created 5\n# TYPE i info\ni_info{v=\"1\"} 1\n# EOF\n";
    let mut page = Page::new();
    for family in parse::parse(text, Format::OpenMetrics).unwrap() {
        page.put_parsed(&family).unwrap();
    }
    assert_eq!(
        write(&page),
        "# HELP c_total \n# TYPE c_total counter\nc_total 1\n# HELP i_info \n# TYPE i_info gauge\ni_info{v=\"1\"} 1\n"
    );
}

#[test]
fn memory_is_given_back_after_a_while() {
    let mut page = Page::new();
    for at in 0..20_000_u32 {
        page.put(&A, [&at], 1_u64);
    }
    let full = page.text.capacity();
    page.clear();
    assert_eq!(page.text.capacity(), full, "one fill later it is needed again");
    let clears = (0..100).take_while(|_| {
        page.put(&A, [&1_u32], 1_u64);
        page.clear();
        page.text.capacity() == full
    });
    assert!((5..60).contains(&clears.count()));
}

static LATENCY: Family<1> = Family::new(Kind::Histogram, "h", "H.", &["x"]);
static QUANTILES: Family<0> = Family::new(Kind::Summary, "s", "S.", &[]);

#[test]
fn histograms_of_one_page_share_the_texts_of_their_bounds() {
    let mut page = Page::new();
    let bounds = || [(0.5, 1), (2.0, 3), (16.0, 4)];
    page.histogram(&LATENCY, [&"a\"b"], bounds(), 5, 6.0);
    let text = page.text.len();
    // Others begin later, end earlier, or have a bound of their own.
    page.histogram(&LATENCY, [&"b"], bounds().into_iter().skip(1), 5, 6.0);
    page.histogram(&LATENCY, [&"c"], bounds().into_iter().take(2), 5, 6.0);
    assert_eq!(page.text.len(), text + 2 * "{x=\"b\"} ".len());
    page.histogram(&LATENCY, [&"d"], [(2.0, 1), (3.0, 1)], 5, 6.0);
    page.summary(&QUANTILES, [], [(0.5, 1.5), (2.0, 2.5)], 5, 6.0);
    let mut whole = Page::new();
    whole.histogram(&LATENCY, [&"first"], [(7.0, 1)], 1, 1.0);
    whole.append(&page);
    let expected = |first: &str| {
        format!(
            "# HELP h H.\n# TYPE h histogram\n{first}\
             h_bucket{{x=\"a\\\"b\",le=\"0.5\"}} 1\nh_bucket{{x=\"a\\\"b\",le=\"2\"}} 3\nh_bucket{{x=\"a\\\"b\",le=\"16\"}} 4\n\
             h_bucket{{x=\"a\\\"b\",le=\"+Inf\"}} 5\nh_sum{{x=\"a\\\"b\"}} 6\nh_count{{x=\"a\\\"b\"}} 5\n\
             h_bucket{{x=\"b\",le=\"2\"}} 3\nh_bucket{{x=\"b\",le=\"16\"}} 4\nh_bucket{{x=\"b\",le=\"+Inf\"}} 5\n\
             h_sum{{x=\"b\"}} 6\nh_count{{x=\"b\"}} 5\n\
             h_bucket{{x=\"c\",le=\"0.5\"}} 1\nh_bucket{{x=\"c\",le=\"2\"}} 3\nh_bucket{{x=\"c\",le=\"+Inf\"}} 5\n\
             h_sum{{x=\"c\"}} 6\nh_count{{x=\"c\"}} 5\n\
             h_bucket{{x=\"d\",le=\"2\"}} 1\nh_bucket{{x=\"d\",le=\"3\"}} 1\nh_bucket{{x=\"d\",le=\"+Inf\"}} 5\n\
             h_sum{{x=\"d\"}} 6\nh_count{{x=\"d\"}} 5\n\
             # HELP s S.\n# TYPE s summary\ns{{quantile=\"0.5\"}} 1.5\ns{{quantile=\"2\"}} 2.5\ns_sum 6\ns_count 5\n"
        )
    };
    assert_eq!(write(&page), expected(""));
    let first = "h_bucket{x=\"first\",le=\"7\"} 1\nh_bucket{x=\"first\",le=\"+Inf\"} 1\nh_sum{x=\"first\"} 1\nh_count{x=\"first\"} 1\n";
    assert_eq!(write(&whole), expected(first));
    page.clear();
    page.histogram(&LATENCY, [&"a"], [], 5, 6.0);
    assert!(write(&page).contains("h_bucket{x=\"a\",le=\"+Inf\"} 5\nh_sum{x=\"a\"} 6\nh_count{x=\"a\"} 5\n"));
}

#[test]
fn a_full_page_refuses_bounds_that_it_has_no_room_for() {
    let mut page = Page { max_text: 60, ..Page::new() };
    page.histogram(&LATENCY, [&"a"], (0..100).map(|at| (f64::from(at), 1)), 5, 6.0);
    assert_eq!(page.len() as u64 + page.refused(), 103);
    assert!(page.refused() > 90 && page.text.len() <= 60);
    page.histogram(&LATENCY, [&"longer than the rest of the page, by far and away"], [(1.0, 1)], 5, 6.0);
    assert_eq!(page.len() as u64 + page.refused(), 107);
}

use super::*;
use crate::{Dynamic, Family};

static UP: Family<0> = Family::gauge("up", "Up.", &[]);
static BYTES: Family<1> = Family::counter("bytes_total", "Bytes.", &["device"]);
static OTHER: Family<1> = Family::gauge("bytes_total", "Other.", &["device"]);
static FIELD: Dynamic<0> = Dynamic::new(Kind::Gauge, "mem_", "Field {}.", &[]).suffix("_bytes");
static WAIT: Family<1> = Family::new(Kind::Histogram, "wait_seconds", "Wait.", &["op"]);

fn write(pages: &[&Page], options: &Options<'_>) -> (String, Written) {
    let mut out = Vec::new();
    let written = Assembly::new().write(pages, options, &mut out);
    (String::from_utf8(out).unwrap(), written)
}

#[test]
fn one_head_for_a_family_of_two_pages() {
    let (mut a, mut b) = (Page::new(), Page::new());
    a.put(&BYTES, [&"eth0"], 1_u64);
    a.put(&UP, [], true);
    b.put(&BYTES, [&"eth1"], 2_u64);
    let (text, written) = write(&[&a, &b], &Options::new(Format::Text));
    assert_eq!(
        text,
        "# HELP bytes_total Bytes.\n# TYPE bytes_total counter\nbytes_total{device=\"eth0\"} 1\n\
         bytes_total{device=\"eth1\"} 2\n# HELP up Up.\n# TYPE up gauge\nup 1\n"
    );
    assert_eq!(written, Written { families: 2, samples: 3, dropped: vec![] });
}

#[test]
fn duplicates_conflicts_and_the_cap_are_dropped_and_counted() {
    let (mut a, mut b) = (Page::new(), Page::new());
    a.put(&BYTES, [&"eth0"], 1_u64);
    a.put(&BYTES, [&"eth0"], 5_u64);
    a.put(&BYTES, [&"eth1"], 1_u64);
    a.put(&BYTES, [&"eth2"], 1_u64);
    b.put(&OTHER, [&"eth9"], 1_u64);
    let options = Options { family_cap: 2, ..Options::new(Format::Text) };
    let (text, written) = write(&[&a, &b], &options);
    assert!(text.ends_with("bytes_total{device=\"eth0\"} 1\nbytes_total{device=\"eth1\"} 1\n"), "{text}");
    let dropped = |reason| Dropped { family: "bytes_total".into(), reason, samples: 1 };
    assert_eq!(
        written.dropped,
        [dropped(Reason::Duplicate), dropped(Reason::Cap), dropped(Reason::TypeConflict)]
    );
}

#[test]
fn names_filter_families() {
    let mut page = Page::new();
    page.put(&BYTES, [&"eth0"], 1_u64);
    page.put(&UP, [], 1_u64);
    let wanted = |name: &str| name == "up";
    let options = Options { names: Some(&wanted), ..Options::new(Format::Text) };
    assert_eq!(write(&[&page], &options).0, "# HELP up Up.\n# TYPE up gauge\nup 1\n");
}

#[test]
fn dynamic_names_are_made_valid() {
    let mut page = Page::new();
    page.put_dynamic(&FIELD, b"Active(anon)", [], 4096_u64);
    assert_eq!(
        write(&[&page], &Options::new(Format::Text)).0,
        "# HELP mem_Active_anon__bytes Field Active(anon).\n# TYPE mem_Active_anon__bytes gauge\n\
         mem_Active_anon__bytes 4096\n"
    );
}

#[test]
fn a_histogram_is_one_family() {
    let mut page = Page::new();
    page.histogram(&WAIT, [&"read"], [(0.1, 2), (1.0, 3)], 4, 2.5);
    assert_eq!(
        write(&[&page], &Options::new(Format::Text)).0,
        "# HELP wait_seconds Wait.\n# TYPE wait_seconds histogram\n\
         wait_seconds_bucket{op=\"read\",le=\"0.1\"} 2\nwait_seconds_bucket{op=\"read\",le=\"1\"} 3\n\
         wait_seconds_bucket{op=\"read\",le=\"+Inf\"} 4\nwait_seconds_sum{op=\"read\"} 2.5\n\
         wait_seconds_count{op=\"read\"} 4\n"
    );
}

#[test]
fn pages_append_with_their_names() {
    let (mut whole, mut part) = (Page::new(), Page::new());
    whole.put(&UP, [], 1_u64);
    part.put_dynamic(&FIELD, b"Free", [], 1_u64);
    whole.append(&part);
    assert!(write(&[&whole], &Options::new(Format::Text)).0.contains("\nmem_Free_bytes 1\n"));
}

fn dropped(family: &str, reason: Reason, samples: u64) -> Dropped {
    Dropped { family: family.into(), reason, samples }
}

/// What is written must be valid, whatever is dropped.
fn judged(pages: &[&Page], options: &Options<'_>) -> (String, Vec<Dropped>) {
    let (text, written) = write(pages, options);
    if let Err(error) = crate::parse::parse(&text, options.format) {
        panic!("{error}\n{text}");
    }
    (text, written.dropped)
}

#[test]
fn duplicates_are_found_whatever_the_order() {
    // Rising, then not: what came while it rose counts as seen.
    for order in [["a", "b", "b"], ["b", "a", "b"], ["a", "b", "a"], ["bb", "a", "bb"], ["a", "bb", "a"]] {
        let (mut one, mut two) = (Page::new(), Page::new());
        for (at, device) in order.iter().enumerate() {
            if at < 2 { &mut one } else { &mut two }.put(&BYTES, [device], 1_u64);
        }
        let (_, gone) = judged(&[&one, &two], &Options::new(Format::Text));
        assert_eq!(gone, [dropped("bytes_total", Reason::Duplicate, 1)], "{order:?}");
    }
}

/// A family's own labels stand as they are declared, a user's by their names.
#[test]
fn duplicates_are_found_whatever_the_order_of_labels() {
    static SIZE: Family<2> = Family::gauge("size_bytes", "Size.", &["name", "at"]);
    let put = |page: &mut Page, name: &str, at: &str| {
        let labels: [(&str, &dyn crate::LabelValue); 2] = [("name", &name), ("at", &at)];
        page.foreign("size_bytes", Kind::Gauge, "").unwrap().put("", labels, 2.0).unwrap();
    };
    let (mut own, mut other) = (Page::new(), Page::new());
    own.put(&SIZE, [&"a", &"1"], 1_u64);
    own.put(&SIZE, [&"b\",at=\"", &"2"], 1_u64);
    for (name, at) in [("a", "1"), ("a", "2"), ("b\",at=\"", "2"), ("a", "2")] {
        put(&mut other, name, at);
    }
    let (text, gone) = judged(&[&own, &other], &Options::new(Format::Text));
    assert_eq!(gone, [dropped("size_bytes", Reason::Duplicate, 3)]);
    assert!(text.contains("size_bytes{at=\"2\",name=\"a\"} 2\n"), "{text}");
}

#[test]
fn the_list_of_what_was_dropped_stays_short() {
    let mut page = Page::new();
    for at in 0..1000_u32 {
        page.put(&BYTES, [&(at % 7)], 1_u64);
    }
    let options = Options { family_cap: 5, ..Options::new(Format::Text) };
    let (_, gone) = judged(&[&page], &options);
    assert_eq!(gone, [dropped("bytes_total", Reason::Cap, 995)]);
    let (_, gone) = judged(&[&page], &Options::new(Format::Text));
    assert_eq!(gone, [dropped("bytes_total", Reason::Duplicate, 993)]);
}

#[test]
fn a_histogram_is_capped_and_dropped_whole() {
    let mut page = Page::new();
    for op in ["a", "b", "c"] {
        page.histogram(&WAIT, [&op], [(1.0, 1)], 2, 3.0);
    }
    // The same metric with other bounds.
    page.histogram(&WAIT, [&"a"], [(5.0, 1)], 2, 3.0);
    let options = Options { family_cap: 9, ..Options::new(Format::Text) };
    let (text, gone) = judged(&[&page], &options);
    assert!(text.contains("wait_seconds_count{op=\"b\"} 2\n") && !text.contains("op=\"c\""), "{text}");
    assert_eq!(gone, [dropped("wait_seconds", Reason::Cap, 8)]);
    let (text, gone) = judged(&[&page], &Options::new(Format::OpenMetrics));
    assert!(!text.contains("le=\"5\""), "{text}");
    assert_eq!(gone, [dropped("wait_seconds", Reason::Duplicate, 4)]);
}

#[test]
fn a_family_named_like_a_histograms_samples_is_dropped() {
    static COUNT: Family<0> = Family::gauge("wait_seconds_count", "Waits.", &[]);
    static CREATED: Family<0> = Family::gauge("wait_seconds_created", "Created.", &[]);
    static BETWEEN: Family<0> = Family::gauge("wait_seconds_a", "Between.", &[]);
    let mut page = Page::new();
    page.put(&COUNT, [], 1_u64);
    page.put(&CREATED, [], 1_u64);
    page.put(&BETWEEN, [], 1_u64);
    page.histogram(&WAIT, [&"a"], [], 1, 1.0);
    let (text, gone) = judged(&[&page], &Options::new(Format::Text));
    assert!(text.contains("\nwait_seconds_created 1\n"));
    assert_eq!(gone, [dropped("wait_seconds_count", Reason::NameClash, 1)]);
    let (_, gone) = judged(&[&page], &Options::new(Format::OpenMetrics));
    assert_eq!(gone[1], dropped("wait_seconds_created", Reason::NameClash, 1));
    // Where the histogram is not asked for, nothing clashes.
    let wanted = |name: &str| name == "wait_seconds_count";
    let options = Options { names: Some(&wanted), ..Options::new(Format::Text) };
    assert_eq!(judged(&[&page], &options).1, []);
}

#[test]
fn openmetrics_names_that_would_clash_stay_whole() {
    static FOO: Family<0> = Family::gauge("foo", "Gauge.", &[]);
    static FOO_TOTAL: Family<0> = Family::counter("foo_total", "Counter.", &[]);
    static FOO_INFO: Family<0> = Family::info("foo_info", "Info.", &[]);
    static BAR_TOTAL: Family<0> = Family::counter("bar_total", "Counter.", &[]);
    static BARE: Family<0> = Family::counter("bare", "Counter without _total.", &[]);
    let mut page = Page::new();
    for family in [&FOO, &FOO_TOTAL, &FOO_INFO, &BAR_TOTAL, &BARE] {
        page.put(family, [], 1_u64);
    }
    let (text, gone) = judged(&[&page], &Options::new(Format::OpenMetrics));
    assert_eq!(gone, []);
    for line in [
        "# TYPE bar counter\nbar_total 1.0",
        "# TYPE bare unknown\nbare 1.0",
        "# TYPE foo gauge\nfoo 1.0",
        "# TYPE foo_info gauge\nfoo_info 1.0",
        "# TYPE foo_total unknown\nfoo_total 1.0",
    ] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
    let wanted = |name: &str| name != "foo";
    let options = Options { names: Some(&wanted), ..Options::new(Format::OpenMetrics) };
    let (text, _) = judged(&[&page], &options);
    assert!(
        text.contains("# TYPE foo info\nfoo_info 1.0") && text.contains("# TYPE foo_total unknown"),
        "{text}"
    );
}

#[test]
fn a_bound_twice_is_found_wherever_it_stands() {
    // Suffix and labels of one metric; its count comes last.
    type Lines<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)])];
    let duplicates = |lines: &[Lines<'_>]| {
        let mut page = Page::new();
        let mut family = page.foreign("h", Kind::Histogram, "").unwrap();
        for (suffix, labels) in lines.iter().copied().flatten() {
            let labels = labels.iter().map(|(name, value)| (*name, value as &dyn crate::LabelValue));
            family.put(suffix, labels, 1.0).unwrap();
        }
        let (text, written) = write(&[&page], &Options::new(Format::Text));
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let distinct: std::collections::BTreeSet<&str> = samples.iter().copied().collect();
        assert_eq!(samples.len(), distinct.len(), "{text}");
        written.dropped.iter().map(|dropped| dropped.samples).sum::<u64>()
    };
    let whole: Lines<'_> =
        &[("_bucket", &[("le", "4")]), ("_bucket", &[("le", "+Inf")]), ("_sum", &[]), ("_count", &[])];
    assert_eq!(duplicates(&[whole]), 0);
    assert_eq!(duplicates(&[whole, whole]), 4);
    for (lines, expected) in [
        (&[("_bucket", &[("le", "4")][..]), ("_bucket", &[("le", "4")]), ("_count", &[])][..], 1),
        (&[("_bucket", &[("le", "+Inf")]), ("_bucket", &[("le", "+Inf")]), ("_count", &[])], 1),
        (
            &[
                ("_bucket", &[("le", "+Inf")]),
                ("_bucket", &[("le", "5")]),
                ("_bucket", &[("le", "+Inf")]),
                ("_count", &[]),
            ],
            1,
        ),
        (&[("_sum", &[]), ("_sum", &[]), ("_count", &[])], 1),
        // Of another metric's labels.
        (
            &[
                ("_bucket", &[("le", "4"), ("op", "r")]),
                ("_count", &[("op", "w")]),
                ("_bucket", &[("le", "4"), ("op", "r")]),
                ("_count", &[]),
            ],
            1,
        ),
        (
            &[
                ("_bucket", &[("le", "0.5")]),
                ("_bucket", &[("le", "1")]),
                ("_bucket", &[("le", "0.5")]),
                ("_count", &[]),
            ],
            1,
        ),
    ] {
        assert_eq!(duplicates(&[lines]), expected, "{lines:?}");
    }
}

#[test]
fn a_histogram_that_comes_twice_is_found_whatever_was_left_out_between() {
    let mut page = Page::new();
    // In rising order; the second has more samples than there is room for, the last is one that stood there.
    page.histogram(&WAIT, [&"a"], [(1.0, 1)], 2, 3.0);
    page.histogram(&WAIT, [&"b"], (0..9).map(|at| (f64::from(at), 1)), 2, 3.0);
    page.histogram(&WAIT, [&"c"], [(1.0, 1)], 2, 3.0);
    page.histogram(&WAIT, [&"c"], [], 2, 3.0);
    page.histogram(&WAIT, [&"d"], [], 2, 3.0);
    let options = Options { family_cap: 11, ..Options::new(Format::Text) };
    let mut out = Vec::new();
    let written = Assembly::new().write(&[&page], &options, &mut out);
    let dropped: Vec<_> = written.dropped.iter().map(|one| (one.reason, one.samples)).collect();
    assert_eq!((written.samples, dropped), (11, vec![(Reason::Duplicate, 3), (Reason::Cap, 12)]));
}

/// Notes how much was written at most before it was told that it may be taken.
#[derive(Default)]
struct Taken {
    text: Vec<u8>,
    all: Vec<u8>,
    most: usize,
}

impl Output for Taken {
    fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    fn settled(&mut self) {
        assert!(self.text.is_empty() || self.text.ends_with(b"\n"));
        self.most = self.most.max(self.text.len());
        self.all.append(&mut self.text);
    }
}

#[test]
fn large_families_may_be_taken_piece_by_piece() {
    let mut page = Page::new();
    for at in 0..1000_u32 {
        page.put(&BYTES, [&at], at);
        page.histogram(&WAIT, [&at], [(1.0, 1), (2.0, 2)], 2, 3.0);
    }
    let (mut whole, mut taken) = (Vec::new(), Taken::default());
    let options = Options::new(Format::Text);
    let written = Assembly::new().write(&[&page], &options, &mut whole);
    assert_eq!(Assembly::new().write(&[&page], &options, &mut taken), written);
    assert_eq!(taken.all, whole);
    assert!(taken.text.is_empty() && taken.most < whole.len() / 5, "{} of {}", taken.most, whole.len());
}

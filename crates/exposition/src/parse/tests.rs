use super::*;

fn text(page: &str) -> Vec<Family<'_>> {
    parse(page, Format::Text).unwrap()
}

fn error(page: &str, format: Format) -> String {
    parse(page, format).unwrap_err().to_string()
}

#[test]
fn a_text_page() {
    let families = text(
        "# a comment\n\n# HELP b_total Bytes \\\\ and\\nlines.\n# TYPE b_total counter\n\
         b_total{device=\"eth0\", path=\"C:\\\\\\\"x\\\"\\n\",} 1.5e+06 1700000000000\n  free 7\n",
    );
    assert_eq!(families.len(), 2);
    assert_eq!((families[0].name, families[0].kind), ("b_total", Kind::Counter));
    assert_eq!(families[0].help.as_deref(), Some("Bytes \\ and\nlines."));
    let sample = &families[0].samples[0];
    assert_eq!(sample.label("path"), Some("C:\\\"x\"\n"));
    assert_eq!((sample.value, sample.timestamp), (1.5e6, Some(Timestamp::Millis(1_700_000_000_000))));
    assert_eq!((sample.line, sample.suffix), (5, ""));
    assert_eq!((families[1].name, families[1].kind), ("free", Kind::Untyped));
}

#[test]
fn a_histogram_and_a_summary() {
    let families = text(
        "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n\
         # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n",
    );
    let suffixes: Vec<_> = families[0].samples.iter().map(|sample| sample.suffix).collect();
    assert_eq!(suffixes, ["_bucket", "_bucket", "_sum", "_count"]);
    assert_eq!(families[1].samples[0].label("quantile"), Some("0.5"));
}

#[test]
fn an_openmetrics_page() {
    let page = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds \\\"Quoted\\\".\n\
                a_seconds_total{x=\"1\"} 1.0 1.5 # {trace=\"7\"} 0.5 1.25\na_seconds_created{x=\"1\"} 0.0\n\
                # TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n";
    let families = parse(page, Format::OpenMetrics).unwrap();
    assert_eq!((families[0].name, families[0].unit), ("a_seconds", Some("seconds")));
    assert_eq!(families[0].help.as_deref(), Some("\"Quoted\"."));
    assert_eq!(families[0].samples[0].suffix, "_total");
    assert_eq!(families[0].samples[0].timestamp, Some(Timestamp::Seconds(1.5)));
    assert_eq!((families[1].kind, families[1].samples[0].suffix), (Kind::Info, "_info"));
}

#[test]
fn errors_say_where_and_what() {
    for (page, expected) in [
        ("a 1", "line 1, column 4: expected a line feed, found the end of the line"),
        ("é{x=\"1\"} 1\n", "line 1, column 1: expected a metric name, found \"é{x=\\\"1\\\"}\""),
        (
            "a{x=\"é\",y=\"\\t\"} 1\n",
            "line 1, column 12: expected one of \\\\, \\n and \\\", found \"\\\\t\\\"}\"",
        ),
        ("\na x\n", "line 2, column 3: expected a float as the value, found \"x\""),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2, column 8: a second TYPE for a"),
        (
            "a{x=\"1\"} 1\nb 1\na{x=\"2\"} 1\n",
            "line 3, column 1: the family a began on line 1 and ended before line 3: its lines stand together",
        ),
        ("a 1\na 2\n", "line 2, column 1: a second sample with these labels"),
    ] {
        assert_eq!(error(page, Format::Text), expected);
    }
    assert_eq!(
        error("a 1\n", Format::OpenMetrics),
        "line 2, column 1: expected \"# EOF\" as the last line, found the end of the line"
    );
}

#[test]
fn long_garbage_is_cut_in_messages() {
    let page = format!("a {}\n", "é".repeat(10_000));
    assert!(error(&page, Format::Text).len() < 200);
}

#[test]
fn scattered_families_are_gathered_when_lenient() {
    let families = parse_lenient("a{x=\"1\"} 1\nb 1\na{x=\"2\"} 1\na{x=\"2\"} 1\n# HELP a Late.\n").unwrap();
    assert_eq!(families.len(), 2);
    assert_eq!(families[0].samples.len(), 3);
    assert_eq!(families[0].help.as_deref(), Some("Late."));
}

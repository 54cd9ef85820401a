//! What a family is: name, kind, help and label names, declared once as a `static`.

/// The metric types of the exposition formats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A value that only goes up, and starts again at zero.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// No type known; what the peers use where the kernel does not say. `unknown` in OpenMetrics.
    Untyped,
    /// Cumulative buckets by upper bound, with sum and count.
    Histogram,
    /// Quantiles, with sum and count.
    Summary,
    /// Constant 1, with facts as labels. A gauge in text 0.0.4, as the peers write it.
    Info,
}

impl Kind {
    /// The word on the TYPE line of text 0.0.4.
    pub const fn text(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Info => "gauge",
            Kind::Untyped => "untyped",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        }
    }
}

/// A family's declaration, whatever its number of labels. The catalogue is made of these.
#[derive(Debug)]
pub struct Desc {
    /// The whole name, as it is written (a counter's with its `_total`).
    pub name: &'static str,
    /// The metric type.
    pub kind: Kind,
    /// One short line in our own words.
    pub help: &'static str,
    /// Label names in the order in which values are given; without `le` and `quantile`.
    pub labels: &'static [&'static str],
}

/// A family with `N` labels whose name is known when the program is compiled.
///
/// Declare it as a `static`: names are checked by the compiler, and the number of label values with them.
/// ```
/// # use exposition::Family;
/// static LOAD1: Family<0> = Family::gauge("node_load1", "Load average over one minute.", &[]);
/// ```
/// ```compile_fail
/// # use exposition::Family;
/// static BAD: Family<0> = Family::gauge("not a name", "", &[]);
/// ```
/// ```compile_fail
/// # use exposition::Family;
/// static TWICE: Family<2> = Family::gauge("a", "", &["device", "device"]);
/// ```
#[derive(Debug)]
pub struct Family<const N: usize> {
    desc: Desc,
}

impl<const N: usize> Family<N> {
    /// A family of the given kind.
    ///
    /// # Panics
    /// At compile time, where it is used for a `static`: if the metric name or a label name is invalid, or a label name
    /// comes twice.
    pub const fn new(
        kind: Kind,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str; N],
    ) -> Self {
        check_declaration(kind, name, labels);
        Self { desc: Desc { name, kind, help, labels } }
    }

    /// A counter; the name carries its `_total` already, where the peer has one.
    pub const fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str; N]) -> Self {
        Self::new(Kind::Counter, name, help, labels)
    }

    /// A gauge.
    pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str; N]) -> Self {
        Self::new(Kind::Gauge, name, help, labels)
    }

    /// Constant 1 with facts as labels.
    pub const fn info(name: &'static str, help: &'static str, labels: &'static [&'static str; N]) -> Self {
        Self::new(Kind::Info, name, help, labels)
    }

    /// No type, as some of the peers' families have none.
    pub const fn untyped(name: &'static str, help: &'static str, labels: &'static [&'static str; N]) -> Self {
        Self::new(Kind::Untyped, name, help, labels)
    }

    /// The declaration without its number of labels, for lists.
    pub const fn desc(&self) -> &Desc {
        &self.desc
    }
}

/// Families whose names the kernel, a server or a user's file gives: `prefix` + name + `suffix`.
///
/// In `help`, `{}` stands for the name as the source spells it.
#[derive(Debug)]
pub struct Dynamic<const N: usize> {
    pub(crate) desc: Desc,
    pub(crate) suffix: &'static str,
    /// Where the name goes in the help text.
    pub(crate) hole: Option<usize>,
}

impl<const N: usize> Dynamic<N> {
    /// Families named `prefix` + something.
    ///
    /// # Panics
    /// At compile time, where it is used for a `static`: if the prefix or a label name is invalid.
    pub const fn new(
        kind: Kind,
        prefix: &'static str,
        help: &'static str,
        labels: &'static [&'static str; N],
    ) -> Self {
        check_declaration(kind, prefix, labels);
        Self { desc: Desc { name: prefix, kind, help, labels }, suffix: "", hole: hole(help.as_bytes()) }
    }

    /// The same with an ending.
    ///
    /// # Panics
    /// At compile time, where it is used for a `static`: if the ending has characters that no metric name may hold.
    #[must_use]
    pub const fn suffix(mut self, suffix: &'static str) -> Self {
        assert!(suffix.is_empty() || has_name_characters(suffix.as_bytes(), true), "invalid ending");
        self.suffix = suffix;
        self
    }

    /// The declaration, for lists; its name is the prefix.
    pub const fn desc(&self) -> &Desc {
        &self.desc
    }
}

/// Where `{}` is.
const fn hole(help: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at + 1 < help.len() {
        if help[at] == b'{' && help[at + 1] == b'}' {
            return Some(at);
        }
        at += 1;
    }
    None
}

const fn check_declaration(kind: Kind, name: &str, labels: &[&str]) {
    assert!(is_metric_name(name), "invalid metric name");
    let mut at = 0;
    while at < labels.len() {
        assert!(is_label_name(labels[at]), "invalid label name");
        assert!(!same(labels[at], "__name__"), "__name__ is reserved");
        assert!(!(matches!(kind, Kind::Histogram) && same(labels[at], "le")), "le is the histogram's own");
        assert!(
            !(matches!(kind, Kind::Summary) && same(labels[at], "quantile")),
            "quantile is the summary's own"
        );
        let mut before = 0;
        while before < at {
            assert!(!same(labels[at], labels[before]), "a label name twice");
            before += 1;
        }
        at += 1;
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// Whether `name` is a metric name of the classic charset, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub const fn is_metric_name(name: &str) -> bool {
    is_name(name.as_bytes(), true)
}

/// Whether `name` is a label name, `[a-zA-Z_][a-zA-Z0-9_]*`.
pub const fn is_label_name(name: &str) -> bool {
    is_name(name.as_bytes(), false)
}

const fn is_name(name: &[u8], colon: bool) -> bool {
    !name.is_empty() && !name[0].is_ascii_digit() && has_name_characters(name, colon)
}

const fn has_name_characters(name: &[u8], colon: bool) -> bool {
    let mut at = 0;
    while at < name.len() {
        let byte = name[at];
        if !(byte.is_ascii_alphanumeric() || byte == b'_' || (colon && byte == b':')) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "node_load1", "job:rate:5m", "_x", "A9"] {
            assert!(is_metric_name(good), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "é", "a.b"] {
            assert!(!is_metric_name(bad), "{bad}");
        }
        assert!(!is_label_name("a:b"));
    }
}

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
#[derive(Debug)]
pub struct Family<const N: usize> {
    desc: Desc,
}

impl<const N: usize> Family<N> {
    /// A family of the given kind.
    ///
    /// # Panics
    /// At compile time, where it is used for a `static`: if the metric name or a label name is invalid.
    pub const fn new(
        kind: Kind,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str; N],
    ) -> Self {
        check_declaration(name, labels, true);
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
        check_declaration(prefix, labels, true);
        Self { desc: Desc { name: prefix, kind, help, labels }, suffix: "" }
    }

    /// The same with an ending.
    #[must_use]
    pub const fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// The declaration, for lists; its name is the prefix.
    pub const fn desc(&self) -> &Desc {
        &self.desc
    }
}

const fn check_declaration(name: &str, labels: &[&str], colon: bool) {
    assert!(is_name(name.as_bytes(), colon), "invalid metric name");
    let mut at = 0;
    while at < labels.len() {
        assert!(is_name(labels[at].as_bytes(), false), "invalid label name");
        at += 1;
    }
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
    if name.is_empty() || name[0].is_ascii_digit() {
        return false;
    }
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

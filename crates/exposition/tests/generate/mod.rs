//! Random pages: what is on them as a model to compare with, and the same as a [`Page`].

use exposition::{Family, Kind, LabelValue, Page};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A family of a random page.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) help: String,
    pub(crate) metrics: Vec<Metric>,
}

/// Labels and value.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: Value,
}

/// What a metric's lines say.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Single(f64),
    Histogram { buckets: Vec<(f64, u64)>, count: u64, sum: f64 },
    Summary { quantiles: Vec<(f64, f64)>, count: u64, sum: f64 },
}

static HISTOGRAM: Family<2> =
    Family::new(Kind::Histogram, "declared_wait_seconds", "Wait.", &["op", "target"]);
static SUMMARY: Family<1> = Family::new(Kind::Summary, "declared_size_bytes", "Size.", &["op"]);

/// Families whose names cannot clash.
pub(crate) fn models() -> impl Strategy<Value = Vec<Model>> {
    let name = "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}";
    vec((name, kind()), 0..6).prop_flat_map(|names| {
        let families: Vec<_> = (names.into_iter().enumerate())
            // The number keeps names apart, whatever their endings.
            .map(|(at, (name, kind))| family(format!("{name}{at}{}", ending(kind, at)), kind))
            .chain([
                declared("declared_wait_seconds", Kind::Histogram, "Wait.", &["op", "target"]).boxed(),
                declared("declared_size_bytes", Kind::Summary, "Size.", &["op"]).boxed(),
            ])
            .collect();
        families
    })
}

/// Pages of models, for who needs no model.
pub(crate) fn pages() -> impl Strategy<Value = Page> {
    models().prop_map(|models| page(&models))
}

/// Families whose names clash as often as possible.
pub(crate) fn clashing() -> impl Strategy<Value = Vec<Model>> {
    let ending =
        || prop::sample::select(vec!["", "_total", "_info", "_created", "_bucket", "_sum", "_count"]);
    let name = (prop::sample::select(vec!["a", "a_b"]), ending(), ending());
    vec((name.prop_map(|(base, one, two)| format!("{base}{one}{two}")), kind()), 1..8).prop_flat_map(
        |names| {
            let names: BTreeMap<_, _> = names.into_iter().collect();
            names.into_iter().map(|(name, kind)| family(name, kind)).collect::<Vec<_>>()
        },
    )
}

/// A page in text 0.0.4 with a few bytes or lines wrong.
pub(crate) fn mutated_text_page() -> impl Strategy<Value = Vec<u8>> {
    let document = prop::sample::select(super::corpus::TAKEN);
    let documents = vec(document, 1..4).prop_map(|documents| documents.concat());
    (documents, vec(mutation(), 1..3)).prop_map(|(mut page, mutations)| {
        for (at, mutation) in mutations {
            if !page.is_empty() {
                mutation.apply(&mut page, at);
            }
        }
        page
    })
}

#[derive(Clone, Debug)]
enum Mutation {
    Delete,
    Insert(u8),
    Repeat(usize),
}

fn mutation() -> impl Strategy<Value = (prop::sample::Index, Mutation)> {
    let byte =
        prop_oneof![prop::sample::select(b" \t\n\r{}\"\\,=#_:+-.01eNnx\xff\xc3".to_vec()), any::<u8>()];
    let mutation = prop_oneof![
        Just(Mutation::Delete),
        byte.prop_map(Mutation::Insert),
        (1_usize..20).prop_map(Mutation::Repeat)
    ];
    (any::<prop::sample::Index>(), mutation)
}

impl Mutation {
    fn apply(self, page: &mut Vec<u8>, at: prop::sample::Index) {
        let at = at.index(page.len());
        match self {
            Mutation::Delete => drop(page.remove(at)),
            Mutation::Insert(byte) => page.insert(at, byte),
            Mutation::Repeat(len) => {
                let piece = page[at..page.len().min(at + len)].to_vec();
                page.splice(at..at, piece);
            }
        }
    }
}

/// The models on a page.
pub(crate) fn page(models: &[Model]) -> Page {
    let mut page = Page::new();
    for model in models {
        for metric in &model.metrics {
            put(&mut page, model, metric);
        }
    }
    page
}

fn put(page: &mut Page, model: &Model, metric: &Metric) {
    let label = |name: &str| metric.labels.get(name).map(String::as_str).unwrap_or_default();
    let declared = model.name.starts_with("declared_");
    match &metric.value {
        Value::Histogram { buckets, count, sum } if declared => {
            let buckets = buckets.iter().copied();
            page.histogram(&HISTOGRAM, [&label("op"), &label("target")], buckets, *count, *sum);
        }
        Value::Summary { quantiles, count, sum } if declared => {
            page.summary(&SUMMARY, [&label("op")], quantiles.iter().copied(), *count, *sum);
        }
        _ => {
            let mut family = page.foreign(&model.name, model.kind, &model.help).unwrap();
            for (suffix, own, value) in metric.value.lines() {
                let own = own.map(|(name, bound)| (name, bound.to_string().replace("inf", "+Inf")));
                let labels = metric.labels.iter().map(|(name, value)| (&**name, value as &dyn LabelValue));
                let own = own.iter().map(|(name, bound)| (*name, bound as &dyn LabelValue));
                family.put(suffix, labels.chain(own), value).unwrap();
            }
        }
    }
}

/// Suffix, own label (`le`, `quantile`) and value.
pub(crate) type Line = (&'static str, Option<(&'static str, f64)>, f64);

impl Value {
    pub(crate) fn lines(&self) -> Vec<Line> {
        match self {
            Value::Single(value) => vec![("", None, *value)],
            Value::Histogram { buckets, count, sum } => buckets
                .iter()
                .chain([&(f64::INFINITY, *count)])
                .map(|(bound, below)| ("_bucket", Some(("le", *bound)), *below as f64))
                .chain([("_sum", None, *sum), ("_count", None, *count as f64)])
                .collect(),
            Value::Summary { quantiles, count, sum } => quantiles
                .iter()
                .map(|(quantile, value)| ("", Some(("quantile", *quantile)), *value))
                .chain([("_sum", None, *sum), ("_count", None, *count as f64)])
                .collect(),
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Counter,
        Kind::Gauge,
        Kind::Untyped,
        Kind::Histogram,
        Kind::Summary,
        Kind::Info,
    ])
}

fn ending(kind: Kind, at: usize) -> &'static str {
    match kind {
        Kind::Counter if at.is_multiple_of(2) => "_total",
        Kind::Info if at.is_multiple_of(2) => "_info",
        _ => "",
    }
}

fn family(name: String, kind: Kind) -> BoxedStrategy<Model> {
    let label = "[a-km-pr-zA-Z_][a-zA-Z0-9]{0,3}";
    metrics(btree_map(label, text(), 0..4).boxed(), name, kind, any::<String>().boxed())
}

fn declared(name: &str, kind: Kind, help: &str, labels: &'static [&'static str]) -> BoxedStrategy<Model> {
    let values = vec(text(), labels.len());
    let labels = values.prop_map(|values| labels.iter().map(|name| (*name).to_owned()).zip(values).collect());
    metrics(labels.boxed(), name.to_owned(), kind, Just(help.to_owned()).boxed())
}

fn metrics(
    labels: BoxedStrategy<BTreeMap<String, String>>,
    name: String,
    kind: Kind,
    help: BoxedStrategy<String>,
) -> BoxedStrategy<Model> {
    (vec((labels, value(kind)), 1..5), help)
        .prop_map(move |(metrics, help)| {
            let mut seen = std::collections::BTreeSet::new();
            let metrics = metrics
                .into_iter()
                .map(|(labels, value)| Metric { labels, value })
                // An empty label is no label, so two metrics may be the same.
                .filter(|metric| {
                    let mut labels = metric.labels.clone();
                    labels.retain(|_, value| !value.is_empty());
                    seen.insert(labels)
                })
                .collect();
            Model { name: name.clone(), kind, help, metrics }
        })
        .boxed()
}

/// Text with more of what must be escaped than chance gives.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z/0-9]{0,12}", "[\\\\\"\n{}=,é東 ]{0,6}"]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::num::f64::ANY,
        any::<i32>().prop_map(f64::from),
        any::<i64>().prop_map(|value| value as f64),
        prop::sample::select(vec![0.0, -0.0, 1e6, 999_999.0, 1e-4, 9.9e-5, 5e-324, f64::INFINITY, f64::NAN]),
    ]
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    let count = 0_u64..1 << 53;
    match kind {
        Kind::Counter => {
            let counted = number().prop_map(|value| if value.is_nan() { 0.0 } else { value.abs() });
            counted.prop_map(Value::Single).boxed()
        }
        Kind::Info => Just(Value::Single(1.0)).boxed(),
        Kind::Gauge | Kind::Untyped => number().prop_map(Value::Single).boxed(),
        Kind::Histogram => (vec((-1e9_f64..1e9, 0_u64..1000), 0..5), 0_u64..1000, number())
            .prop_map(|(mut buckets, more, sum)| {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                buckets.dedup_by_key(|bucket| bucket.0);
                let mut below = 0;
                for bucket in &mut buckets {
                    below += bucket.1;
                    bucket.1 = below;
                }
                Value::Histogram { buckets, count: below + more, sum }
            })
            .boxed(),
        Kind::Summary => (vec((0.0..=1.0_f64, number()), 0..4), count, number())
            .prop_map(|(mut quantiles, count, sum)| {
                quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
                quantiles.dedup_by_key(|quantile| quantile.0);
                Value::Summary { quantiles, count, sum }
            })
            .boxed(),
    }
}

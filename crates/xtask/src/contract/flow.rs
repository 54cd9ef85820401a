//! Follows labels through an expression, from its selectors to its result.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::{METRIC_NAME, MatchOp};
use promql_parser::parser::token::{
    T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_LIMIT_RATIO, T_LIMITK, T_TOPK,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, AggregateExpr, Call, Expr, LabelModifier, VectorSelector};
use promql_parser::util::visitor::{ExprVisitor, walk_expr};

use super::catalogue::Kind;
use super::known::Known;
use super::labels::Labels;
use super::{Report, SCRAPE_INTERVAL_SECONDS, joins, query};

/// Functions that need a counter's growth.
const RATES: [&str; 3] = ["rate", "irate", "increase"];
/// Functions that make no sense of a counter's resets.
const SLOPES: [&str; 5] = ["delta", "idelta", "deriv", "predict_linear", "double_exponential_smoothing"];
/// What may be asked of a counter's own value: whether it is there, when it came, how often it changed.
const ON_COUNTERS: [&str; 8] = [
    "absent",
    "absent_over_time",
    "changes",
    "count_over_time",
    "count",
    "present_over_time",
    "resets",
    "timestamp",
];

/// Where an expression stands: what a range may be differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Rule,
    Dashboard,
}

/// Checks an expression and returns its result's labels. What is wrong goes to `report`, once per place.
pub(super) fn check(
    text: &str,
    known: &Known<'_>,
    source: Source,
    place: &str,
    report: &mut Report,
) -> Labels {
    let expr = match parser::parse(text) {
        Ok(expr) => expr,
        Err(error) => {
            report.add(place, format!("expression does not parse: {error}"));
            return Labels::Any;
        }
    };
    let mut flow = Flow { known, source, found: Vec::new() };
    let labels = flow.labels(&expr, None);
    report.add_all(place, flow.found);
    report.used.extend(metric_names(text));
    labels
}

/// All series names in an expression; none if it does not parse.
pub(super) fn metric_names(text: &str) -> BTreeSet<String> {
    selectors(text).iter().filter_map(name_of).collect()
}

/// All selectors in an expression; none if it does not parse.
pub(super) fn selectors(text: &str) -> Vec<VectorSelector> {
    struct Collect(Vec<VectorSelector>);
    impl ExprVisitor for Collect {
        type Error = std::convert::Infallible;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
            match expr {
                Expr::VectorSelector(selector) => self.0.push(selector.clone()),
                Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
                _ => {}
            }
            Ok(true)
        }
    }
    let mut all = Collect(Vec::new());
    if let Ok(expr) = parser::parse(text) {
        let Ok(_) = walk_expr(&mut all, &expr);
    }
    all.0
}

/// The series name a selector asks for, in either notation.
pub(super) fn name_of(selector: &VectorSelector) -> Option<String> {
    selector.name.clone().or_else(|| {
        let by_label = |m: &&promql_parser::label::Matcher| m.name == METRIC_NAME && m.op == MatchOp::Equal;
        selector.matchers.matchers.iter().find(by_label).map(|m| m.value.clone())
    })
}

pub(super) struct Flow<'a> {
    pub(super) known: &'a Known<'a>,
    source: Source,
    pub(super) found: Vec<String>,
}

impl Flow<'_> {
    /// The labels of this expression's result. `within` is the function or aggregation directly around it.
    pub(super) fn labels(&mut self, expr: &Expr, within: Option<&str>) -> Labels {
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Labels::none(),
            Expr::Paren(paren) => self.labels(&paren.expr, within),
            Expr::Unary(unary) => self.labels(&unary.expr, None),
            // A subquery asks for its inside's own value, step by step.
            Expr::Subquery(subquery) => self.labels(&subquery.expr, None),
            Expr::VectorSelector(selector) => self.selector(selector, within),
            Expr::MatrixSelector(matrix) => {
                self.range(matrix.range, within);
                self.selector(&matrix.vs, within)
            }
            Expr::Call(call) => self.call(call),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => joins::labels(self, binary),
        }
    }

    /// Reports those of `names` that are not there.
    pub(super) fn need<S: AsRef<str>>(&mut self, names: &[S], labels: &Labels, what: &str) {
        for name in names.iter().map(AsRef::as_ref).filter(|name| !labels.has(name)) {
            self.found.push(format!("{what} uses label {name}, which is not there"));
        }
    }

    fn selector(&mut self, selector: &VectorSelector, within: Option<&str>) -> Labels {
        let Some(name) = name_of(selector) else {
            self.found
                .push(format!("{selector} names no metric: it cannot be checked, and costs a scan of all"));
            return Labels::Any;
        };
        let Some(metric) = self.known.get(&name) else {
            self.found.push(format!(
                "{name} is in no exporter's catalogue, no recording rule and not in {}",
                super::foreign::FILE
            ));
            return Labels::Any;
        };
        let mut labels = metric.labels;
        let all = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
        for matcher in all.filter(|matcher| matcher.name != METRIC_NAME) {
            if !labels.has(&matcher.name) {
                self.found.push(format!("{name} has no label {}", matcher.name));
            }
        }
        for matcher in &selector.matchers.matchers {
            if matcher.op == MatchOp::Equal && matcher.value.is_empty() {
                labels = labels.without(&[&matcher.name]);
            }
        }
        if !self.known.is_produced(&name, selector) {
            self.found.push(format!("no rule produces {selector}: this is always empty"));
        }
        self.kind(&name, metric.kind, within.unwrap_or_default());
        labels
    }

    fn kind(&mut self, name: &str, kind: Kind, within: &str) {
        if RATES.contains(&within) && matches!(kind, Kind::Gauge | Kind::Summary) {
            self.found.push(format!("{within}() of {name}, which is not a counter"));
        }
        if kind != Kind::Counter || RATES.contains(&within) || ON_COUNTERS.contains(&within) {
            return;
        }
        if SLOPES.contains(&within) {
            self.found
                .push(format!("{within}() of the counter {name}: a reset looks like a fall; use rate()"));
        } else {
            self.found
                .push(format!("{name} is a counter: its value alone says nothing; use rate() or increase()"));
        }
    }

    fn range(&mut self, range: Duration, within: Option<&str>) {
        let least = Duration::from_secs(4 * SCRAPE_INTERVAL_SECONDS);
        if range < least {
            self.found.push(format!(
                "range of {}s is less than 4 scrape intervals ({}s): one lost scrape empties it",
                range.as_secs(),
                least.as_secs()
            ));
        }
        let function = within.unwrap_or_default();
        if self.source == Source::Dashboard && RATES.contains(&function) && !query::is_variable(range) {
            self.found.push(format!("{function}() over a fixed range: use $__rate_interval"));
        }
    }

    fn call(&mut self, call: &Call) -> Labels {
        let name = call.func.name;
        let args: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
        let text = |at: usize| match args.get(at) {
            Some(Expr::StringLiteral(literal)) => Some(literal.val.clone()),
            _ => None,
        };
        let is_series = |expr: &&&Expr| matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix);
        let series = args.iter().find(is_series);
        // All arguments are looked at, the scalars too: scalar(x) hides a selector.
        let mut labels = Labels::none();
        for arg in &args {
            let inner = self.labels(arg, Some(name));
            if series.is_some_and(|series| std::ptr::eq(*series, *arg)) {
                labels = inner;
            }
        }
        match name {
            "absent" | "absent_over_time" => series.map_or(Labels::none(), |series| equal_labels(series)),
            "scalar" | "vector" | "time" | "pi" => Labels::none(),
            "label_replace" => {
                self.need(&text(3).into_iter().collect::<Vec<_>>(), &labels, name);
                labels.with(text(1))
            }
            "label_join" => {
                self.need(&(3..args.len()).filter_map(text).collect::<Vec<_>>(), &labels, name);
                labels.with(text(1))
            }
            "sort_by_label" | "sort_by_label_desc" => {
                self.need(&(1..args.len()).filter_map(text).collect::<Vec<_>>(), &labels, name);
                labels
            }
            "histogram_quantile" => {
                self.need(&["le"], &labels, name);
                labels.without(&["le"])
            }
            _ => labels,
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Labels {
        let op = aggregate.op.id();
        let name = aggregate.op.to_string();
        let within = matches!(op, T_COUNT | T_GROUP).then_some("count");
        let inner = self.labels(&aggregate.expr, within);
        if let Some(param) = &aggregate.param {
            self.labels(param, None);
        }
        if let Some(modifier) = &aggregate.modifier {
            let word = if modifier.is_include() { "by" } else { "without" };
            self.need(&modifier.labels().labels, &inner, &format!("{name} {word} (...)"));
        }
        // These pick series, and leave them as they are.
        if matches!(op, T_TOPK | T_BOTTOMK | T_LIMITK | T_LIMIT_RATIO) {
            return inner;
        }
        let kept = match &aggregate.modifier {
            None => Labels::none(),
            Some(LabelModifier::Include(by)) => inner.keep(&by.labels),
            Some(LabelModifier::Exclude(without)) => inner.without(&without.labels),
        };
        match aggregate.param.as_deref() {
            Some(Expr::StringLiteral(label)) if op == T_COUNT_VALUES => kept.with([label.val.clone()]),
            _ => kept,
        }
    }
}

/// `absent(x{a="b"})` carries what the selector demands by equality.
fn equal_labels(expr: &Expr) -> Labels {
    let selector = match expr {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(matrix) => &matrix.vs,
        Expr::Paren(paren) => return equal_labels(&paren.expr),
        _ => return Labels::none(),
    };
    let equal = |m: &&promql_parser::label::Matcher| m.op == MatchOp::Equal && m.name != METRIC_NAME;
    Labels::of(selector.matchers.matchers.iter().filter(equal).map(|m| m.name.clone()))
}

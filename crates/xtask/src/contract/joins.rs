//! Two sides of an operator: which series can meet, and what labels come out.

use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::flow::Flow;
use super::labels::Labels;

/// Checks both sides and returns the result's labels.
pub(super) fn labels(flow: &mut Flow<'_>, binary: &BinaryExpr) -> Labels {
    let left = flow.labels(&binary.lhs, None);
    let right = flow.labels(&binary.rhs, None);
    match (binary.lhs.value_type(), binary.rhs.value_type()) {
        (ValueType::Vector, ValueType::Vector) => {}
        (ValueType::Vector, _) => return left,
        _ => return right,
    }
    let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
    let op = binary.op;
    match matching {
        Some(LabelModifier::Include(on)) => {
            flow.need(&on.labels, &left, &format!("{op} on (...), left side,"));
            flow.need(&on.labels, &right, &format!("{op} on (...), right side,"));
        }
        Some(LabelModifier::Exclude(ignoring)) => {
            let either = left.clone().union(&right);
            flow.need(&ignoring.labels, &either, &format!("{op} ignoring (...)"));
            same_labels(flow, binary, &left.clone().without(&ignoring.labels), &right, &ignoring.labels);
        }
        None => same_labels(flow, binary, &left, &right, &[]),
    }
    match op.id() {
        T_LAND | T_LUNLESS => return left,
        T_LOR => return left.union(&right),
        _ => {}
    }
    match binary.modifier.as_ref().map(|modifier| &modifier.card) {
        Some(VectorMatchCardinality::ManyToOne(extra)) => {
            flow.need(&extra.labels, &right, &format!("{op} group_left (...)"));
            left.with(extra.labels.iter().cloned())
        }
        Some(VectorMatchCardinality::OneToMany(extra)) => {
            flow.need(&extra.labels, &left, &format!("{op} group_right (...)"));
            right.with(extra.labels.iter().cloned())
        }
        _ => match matching {
            Some(LabelModifier::Include(on)) => left.keep(&on.labels),
            Some(LabelModifier::Exclude(ignoring)) => left.without(&ignoring.labels),
            None => left,
        },
    }
}

/// Without `on`, series meet only if all other labels are equal: a label that one side alone has keeps them apart.
fn same_labels(flow: &mut Flow<'_>, binary: &BinaryExpr, left: &Labels, right: &Labels, ignored: &[String]) {
    if binary.op.id() == T_LOR {
        return;
    }
    let apart = left.difference(&right.clone().without(ignored));
    if !apart.is_empty() {
        flow.found.push(format!(
            "the two sides of {} can never meet: only one has {}; use on (...) or ignoring (...)",
            binary.op,
            apart.join(", ")
        ));
    }
}

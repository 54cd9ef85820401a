//! Every series name a query may use, with its type and labels.

use std::collections::BTreeMap;

use promql_parser::label::MatchOp;
use promql_parser::parser::VectorSelector;

use super::catalogue::{Catalogue, Kind};
use super::foreign::Foreign;
use super::labels::Labels;
use super::rules::{Rule, RuleFile};
use super::{Report, TARGET_LABELS, flow};

/// What is known about one series name.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    pub(super) kind: Kind,
    pub(super) labels: Labels,
}

/// What the rules of one recorded name produce.
#[derive(Debug, Default)]
struct Recorded {
    labels: Option<Labels>,
    /// Labels set by each rule itself.
    fixed: Vec<BTreeMap<String, String>>,
}

/// Catalogue, foreign metrics, recording rules and what Prometheus itself makes.
pub(super) struct Known<'a> {
    catalogue: &'a Catalogue,
    foreign: &'a BTreeMap<String, Foreign>,
    recorded: BTreeMap<String, Recorded>,
}

impl<'a> Known<'a> {
    /// Follows the recording rules in the order of their use; what is wrong with them goes to `report`.
    pub(super) fn new(
        catalogue: &'a Catalogue,
        foreign: &'a BTreeMap<String, Foreign>,
        files: &[RuleFile],
        report: &mut Report,
    ) -> Known<'a> {
        let mut known = Known { catalogue, foreign, recorded: BTreeMap::new() };
        let mut open: Vec<(String, &Rule)> = Vec::new();
        for (file, group, rule) in files.iter().flat_map(RuleFile::rules) {
            let Some(name) = &rule.record else { continue };
            let place = format!("{}: group {group}, rule {name}", file.path);
            if !name.contains(':') && name != "alert_threshold" {
                report.add(&place, "recorded names have the form level:metric:operations");
            }
            if rule.labels.contains_key("system") && name != "alert_threshold" {
                report.add(&place, "rules never set system: it comes from the target");
            }
            let fixed = rule.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            known.recorded.entry(name.clone()).or_default().fixed.push(fixed);
            open.push((place, rule));
        }
        // Each round resolves what uses only resolved names; what is left at the end goes in a circle.
        while !open.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|(_, rule)| known.ready(rule));
            if ready.is_empty() {
                for (place, _) in waiting {
                    report.add(&place, "this recording rule goes in a circle with others");
                }
                break;
            }
            // A rule may read its own last value; what it makes of the rest tells that value's labels.
            for (_, rule) in ready.iter().filter(|(_, rule)| refers_to_itself(rule)) {
                known.resolve(rule, "", &mut Report::default());
            }
            for (place, rule) in ready {
                known.resolve(rule, &place, report);
            }
            open = waiting;
        }
        known
    }

    fn resolve(&mut self, rule: &Rule, place: &str, report: &mut Report) {
        let labels = flow::check(&rule.expr, self, flow::Source::Rule, place, report);
        let labels = labels.with(rule.labels.keys().cloned());
        let entry = self.recorded.entry(rule.record.clone().unwrap_or_default()).or_default();
        entry.labels = Some(match entry.labels.take() {
            Some(before) => before.union(&labels),
            None => labels,
        });
    }

    fn ready(&self, rule: &Rule) -> bool {
        flow::metric_names(&rule.expr)
            .iter()
            .filter(|name| rule.record.as_ref() != Some(name))
            .all(|name| self.recorded.get(name).is_none_or(|recorded| recorded.labels.is_some()))
    }

    /// What is known about a series name.
    pub(super) fn get(&self, name: &str) -> Option<Metric> {
        let target = || Labels::of(TARGET_LABELS);
        if let Some((kind, labels)) = self.catalogue.get(name) {
            return Some(Metric { kind, labels: target().with(labels.iter().cloned()) });
        }
        if let Some(recorded) = self.recorded.get(name) {
            let labels = recorded.labels.clone().unwrap_or(Labels::Any);
            return Some(Metric { kind: Kind::Gauge, labels });
        }
        if let Some(foreign) = self.foreign.get(name) {
            let kind = match foreign.kind.as_deref() {
                Some("counter") => Kind::Counter,
                Some("gauge") => Kind::Gauge,
                _ => Kind::Untyped,
            };
            return Some(Metric { kind, labels: target().with(foreign.labels.iter().cloned()) });
        }
        let labels = match name {
            "ALERTS" | "ALERTS_FOR_STATE" => Labels::Any,
            // Rendered from data; a tree without the rendered file still has to be checkable.
            "alert_threshold" => Labels::of(["name", "severity", "system"]),
            "up" => target(),
            _ if name.starts_with("scrape_") => target(),
            _ => return None,
        };
        Some(Metric { kind: Kind::Gauge, labels })
    }

    /// Whether some recording rule can produce what this selector asks for, as far as its own labels say.
    pub(super) fn is_produced(&self, name: &str, selector: &VectorSelector) -> bool {
        let Some(recorded) = self.recorded.get(name) else { return true };
        recorded.fixed.iter().any(|fixed| {
            selector.matchers.matchers.iter().all(|matcher| match fixed.get(&matcher.name) {
                Some(_) if matcher.value.contains('$') => true,
                Some(value) => match &matcher.op {
                    MatchOp::Equal => *value == matcher.value,
                    MatchOp::NotEqual => *value != matcher.value,
                    MatchOp::Re(regex) => regex.is_match(value),
                    MatchOp::NotRe(regex) => !regex.is_match(value),
                },
                None => true,
            })
        })
    }
}

fn refers_to_itself(rule: &Rule) -> bool {
    rule.record.as_ref().is_some_and(|name| flow::metric_names(&rule.expr).contains(name))
}

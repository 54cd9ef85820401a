//! Queries as dashboards write them: PromQL with Grafana's variables in it.

use std::time::Duration;

/// Ranges nobody writes by hand stand for Grafana's variables, so that they can be told apart after parsing.
const STAND_INS: [(&str, &str, Duration); 3] = [
    ("__rate_interval", "307s", Duration::from_secs(307)),
    ("__range", "3607s", Duration::from_secs(3607)),
    // Shorter than four scrapes on purpose: as a range it is wrong.
    ("__interval", "31s", Duration::from_secs(31)),
];

/// Whether this range stands for a variable that suits a rate.
pub(super) fn is_variable(range: Duration) -> bool {
    STAND_INS[..2].iter().any(|(_, _, duration)| *duration == range)
}

/// The query with its variables replaced, so that it parses. Inside quotes they stay: there they are any text.
pub(super) fn substitute(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let (mut rest, mut quote) = (query, None);
    while let Some(next) = rest.chars().next() {
        if next == '$'
            && quote.is_none()
            && let Some((name, length)) = variable(rest)
        {
            let stand_in = STAND_INS.iter().find(|(n, _, _)| *n == name).map_or("5", |(_, text, _)| text);
            out += stand_in;
            rest = &rest[length..];
            continue;
        }
        if next == '\\' && quote.is_some() {
            let length = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            out += &rest[..length];
            rest = &rest[length..];
            continue;
        }
        match quote {
            Some(open) if open == next => quote = None,
            None if matches!(next, '"' | '\'' | '`') => quote = Some(next),
            _ => {}
        }
        out.push(next);
        rest = &rest[next.len_utf8()..];
    }
    out
}

/// The name of the variable at the start (`$name`, `${name}`, `${name:format}`), and how long it is written.
fn variable(text: &str) -> Option<(&str, usize)> {
    if let Some(inner) = text.strip_prefix("${") {
        let end = inner.find('}')?;
        return Some((inner[..end].split(':').next().unwrap_or_default(), end + 3));
    }
    let inner = text.strip_prefix('$')?;
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    (end > 0).then(|| (&inner[..end], end + 1))
}

/// `label_values(METRIC, LABEL)` of a query variable, as metric (perhaps with matchers) and label. `label_values(LABEL)` has
/// no metric.
pub(super) fn label_values(query: &str) -> Option<(&str, &str)> {
    let inner = query.trim().strip_prefix("label_values(")?.strip_suffix(')')?;
    Some(inner.rsplit_once(',').map_or(("", inner.trim()), |(metric, label)| (metric.trim(), label.trim())))
}

/// Whether the text mentions this variable.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    text.match_indices('$').any(|(at, _)| variable(&text[at..]).is_some_and(|(found, _)| found == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_get_stand_ins_and_strings_stay() {
        assert_eq!(
            substitute(r#"rate(x{job=~"$job"}[$__rate_interval]) + topk(${n:raw}, y[$__range])"#),
            r#"rate(x{job=~"$job"}[307s]) + topk(5, y[3607s])"#
        );
        assert_eq!(substitute(r#"x{a="\"$b"} > $c"#), r#"x{a="\"$b"} > 5"#);
        assert_eq!(substitute("a $ b"), "a $ b");
    }

    #[test]
    fn variables_are_found_in_every_notation() {
        assert!(mentions("x{job=~\"$job\"}", "job") && mentions("${job:regex}", "job"));
        assert!(!mentions("$jobs", "job") && !mentions("job", "job"));
    }

    #[test]
    fn label_values_is_taken_apart() {
        assert_eq!(label_values("label_values(up{a=\"b,c\"}, job)"), Some(("up{a=\"b,c\"}", "job")));
        assert_eq!(label_values("label_values(job)"), Some(("", "job")));
        assert_eq!(label_values("query_result(x)"), None);
    }
}

//! Rows as text to samples.

use exporter_core::{Kind, LabelValue, Page, parse_duration};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::file::{Query, Usage};

/// Puts what the rows say, with `more` labels where no column has their name; what cannot be read is told once, by column.
pub(super) fn put(
    query: &Query,
    messages: &[SimpleQueryMessage],
    version: i32,
    more: &[(&str, &str)],
    page: &mut Page,
) -> Result<(), String> {
    let rows = first_result(messages);
    let Some(first) = rows.first() else { return Ok(()) };
    let names: Vec<&str> = first.columns().iter().map(|column| column.name()).collect();
    let at = |name: &str| names.iter().position(|own| *own == name);
    let labels: Vec<(usize, &str)> = names
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, name)| query.columns.get(*name).is_some_and(|column| column.usage == Usage::Label))
        .collect();
    // A column of that name is the user's own.
    let own = |added: &str| labels.iter().any(|(_, name)| *name == added);
    let more = more.iter().filter(|(name, _)| !own(name));
    let more: Vec<_> = more.map(|(name, value)| (*name, value as &dyn LabelValue)).collect();
    let mut bad = None;
    for (index, name) in names.iter().copied().enumerate() {
        let column = query.columns.get(name).filter(|column| column.versions.contain(version));
        let part_of_histogram = names.iter().any(|other| {
            let is = query.columns.get(*other).is_some_and(|column| column.usage == Usage::Histogram);
            is && name.strip_prefix(other).is_some_and(|end| matches!(end, "_bucket" | "_sum" | "_count"))
        });
        let (kind, suffix) = match column.map(|column| &column.usage) {
            Some(Usage::Discard | Usage::Label) => continue,
            None if part_of_histogram || query.columns.contains_key(name) => continue,
            None => (Kind::Untyped, ""),
            Some(Usage::Counter) => (Kind::Counter, ""),
            Some(Usage::Gauge | Usage::Mapped(_)) => (Kind::Gauge, ""),
            Some(Usage::Duration) => (Kind::Gauge, "_milliseconds"),
            Some(Usage::Histogram) => (Kind::Histogram, ""),
        };
        let family = format!("{}_{name}{suffix}", query.name);
        let help = column.map_or("Column of a query of the user's.", |column| column.help.as_str());
        for row in &rows {
            let values: Vec<&str> =
                labels.iter().map(|(index, _)| row.get(*index).unwrap_or_default()).collect();
            let set = || label_set(&labels, &values, &more);
            let mut family =
                page.foreign(&family, kind, help).map_err(|error| format!("{family}: {error}"))?;
            let text = row.get(index);
            if kind == Kind::Histogram {
                let part = |end: &str| at(&format!("{name}{end}")).and_then(|index| row.get(index));
                let read = histogram(text, part("_bucket"), part("_sum"), part("_count"));
                let Some((buckets, sum, count)) = read else {
                    bad = Some(name);
                    continue;
                };
                for (bound, value) in buckets {
                    let bound = bound_text(bound);
                    let le = [("le", &bound as &dyn LabelValue)];
                    let _ = family.put("_bucket", label_set(&labels, &values, &more).chain(le), value);
                }
                let _ = family.put("_bucket", set().chain([("le", &"+Inf" as &dyn LabelValue)]), count);
                let _ = family.put("_sum", set(), sum);
                let _ = family.put("_count", set(), count);
                continue;
            }
            let value = match column.map(|column| &column.usage) {
                Some(Usage::Mapped(words)) => text.and_then(|text| words.get(text).copied()),
                Some(Usage::Duration) => {
                    text.and_then(parse_duration).map(|duration| duration.as_secs_f64() * 1e3)
                }
                _ => text.map_or(Some(f64::NAN), number),
            };
            match value {
                Some(value) => family.put("", set(), value).map_err(|error| format!("{name}: {error}"))?,
                // A column that nobody named may be a text.
                None if column.is_none() => {}
                None => bad = Some(name),
            }
        }
    }
    bad.map_or(Ok(()), |name| Err(format!("column {name} holds what is no number")))
}

/// The rows of the first statement that gives any: of several in one string, `SET …; SELECT …`, that is what the peer shows.
fn first_result(messages: &[SimpleQueryMessage]) -> Vec<&SimpleQueryRow> {
    let begin =
        messages.iter().skip_while(|message| !matches!(message, SimpleQueryMessage::RowDescription(_)));
    let rows = begin.skip(1).map_while(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.collect()
}

/// A row's labels: the user's columns, and what is added to each.
fn label_set<'a>(
    columns: &'a [(usize, &'a str)],
    values: &'a [&'a str],
    more: &'a [(&'a str, &'a dyn LabelValue)],
) -> impl Iterator<Item = (&'a str, &'a dyn LabelValue)> {
    let own = columns.iter().zip(values).map(|((_, name), value)| (*name, value as &dyn LabelValue));
    own.chain(more.iter().copied())
}

type Histogram = (Vec<(f64, f64)>, f64, f64);

fn histogram(
    bounds: Option<&str>,
    counts: Option<&str>,
    sum: Option<&str>,
    count: Option<&str>,
) -> Option<Histogram> {
    let (bounds, counts) = (array(bounds?)?, array(counts?)?);
    Some((bounds.into_iter().zip(counts).collect(), number(sum?)?, number(count?)?))
}

/// `{1,2.5,10}`.
fn array(text: &str) -> Option<Vec<f64>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    inner.split(',').filter(|part| !part.is_empty()).map(|part| part.trim().parse().ok()).collect()
}

fn bound_text(bound: f64) -> String {
    let mut text = Vec::new();
    exporter_core::exposition::write_value(bound, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Numbers, switches, and times as seconds since 1970.
fn number(text: &str) -> Option<f64> {
    match text {
        "t" => Some(1.0),
        "f" => Some(0.0),
        text => text.parse().ok().or_else(|| timestamp(text)),
    }
}

/// `2026-11-20 21:05:00.25+01`, as DateStyle ISO has it; without a zone it is UTC.
fn timestamp(text: &str) -> Option<f64> {
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let zone = time.find(['+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let offset = match zone.split_at_checked(1) {
        None => 0.0,
        Some((sign, zone)) => {
            let mut parts = zone.split(':').map(|part| part.parse::<f64>().ok());
            let seconds = parts.next()?? * 3600.0 + parts.next().flatten().unwrap_or(0.0) * 60.0;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let days = days_since_1970(year, month, day)?;
    Some(days as f64 * 86_400.0 + hour * 3600.0 + minute * 60.0 + second - offset)
}

/// Days of the Gregorian calendar: the year begins in March, so that the leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("12.5", 12.5),
            ("t", 1.0),
            ("1970-01-02", 86_400.0),
            ("2026-11-20 21:05:00.5+01", 1_795_205_100.5),
            ("2024-02-29 00:00:00", 1_709_164_800.0),
            ("2000-01-01 00:00:00-05:30", 946_704_600.0),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for bad in ["", "abc", "2026-13-01", "12:30"] {
            assert_eq!(number(bad), None, "{bad}");
        }
        assert_eq!(array("{1,2.5}"), Some(vec![1.0, 2.5]));
    }
}

//! Any `prometheus_client::Registry`, mounted on a page: the seam at which other libraries' metrics come in.
//!
//! What that library writes is OpenMetrics; it is read back by our own parser and put under the names that its samples
//! have, so that a text page shows `x_total` as a counter and `x_info` as a gauge.

use exposition::parse::{Family, parse};
use exposition::{Format, Kind, LabelValue, Page};
use prometheus_client::registry::Registry;
use std::sync::Arc;

use crate::source::{BlockingSource, BoxedSource, CollectError, Collector, Scrape, Sink, SourceSpec};

pub use prometheus_client;

/// A source that shows a registry as one collector.
pub fn mounted(collector: &'static Collector, registry: Arc<Registry>) -> SourceSpec {
    SourceSpec::new([collector], move || {
        Ok(BoxedSource::blocking(Mounted { registry: registry.clone(), last: Last::default() }))
    })
}

struct Mounted {
    registry: Arc<Registry>,
    last: Last,
}

impl BlockingSource for Mounted {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        self.last.put(&self.registry, sink)
    }
}

/// What a registry wrote last, and the page made of it. While it writes the same but for values, only those are read.
#[derive(Debug, Default)]
pub(crate) struct Last {
    text: String,
    before: String,
    page: Page,
}

impl Last {
    /// Puts all families of a registry on a page.
    ///
    /// # Errors
    /// What the registry's collectors say, or that the registry has written something that is no OpenMetrics (an unescaped
    /// line feed in a help text, two families of one name).
    pub(crate) fn put(&mut self, registry: &Registry, page: &mut Page) -> Result<(), CollectError> {
        let read = self.read(registry);
        match read {
            Ok(()) => page.append(&self.page),
            // Half a page, or none, is not what the next text is compared with.
            Err(_) => *self = Self::default(),
        }
        read
    }

    fn read(&mut self, registry: &Registry) -> Result<(), CollectError> {
        std::mem::swap(&mut self.text, &mut self.before);
        self.text.clear();
        prometheus_client::encoding::text::encode(&mut self.text, registry)?;
        if self.has_new_values_only() {
            return Ok(());
        }
        self.page.clear();
        for family in parse(&self.text, Format::OpenMetrics)? {
            put_family(&family, &mut self.page)?;
        }
        Ok(())
    }

    /// Takes over the values of lines that are else the same. Where it says no, the page is to be made anew.
    fn has_new_values_only(&mut self) -> bool {
        let (mut new, mut old) = (self.text.lines(), self.before.lines());
        let mut sample = 0;
        loop {
            match (new.next(), old.next()) {
                (None, None) => return sample == self.page.len(),
                (Some(line), Some(before)) if line.starts_with('#') => {
                    if line != before {
                        return false;
                    }
                }
                (Some(line), Some(before)) => {
                    if line != before {
                        let (Some((series, value)), Some((its, _))) =
                            (line.rsplit_once(' '), before.rsplit_once(' '))
                        else {
                            return false;
                        };
                        // With a time or an exemplar behind it, the value would stand on the left.
                        let (true, Ok(value)) = (series == its, value.parse()) else { return false };
                        self.page.set_value(sample, value);
                    }
                    sample += 1;
                }
                _ => return false,
            }
        }
    }
}

fn put_family(family: &Family<'_>, page: &mut Page) -> Result<(), CollectError> {
    let ending = match family.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        _ => "",
    };
    let name = format!("{}{ending}", family.name);
    let mut put = page.foreign(&name, family.kind, family.help.as_deref().unwrap_or_default())?;
    // `_created` would be a series of its own in Prometheus.
    for sample in family.samples.iter().filter(|sample| sample.suffix != "_created") {
        let suffix = if sample.suffix == ending { "" } else { sample.suffix };
        let labels = sample.labels.iter().map(|(name, value)| (*name, value as &dyn LabelValue));
        put.put(suffix, labels, sample.value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use exposition::{Assembly, Options};
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family as Counters;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;

    #[test]
    fn each_type_under_the_name_of_its_samples() {
        let mut registry = Registry::default();
        let counters = Counters::<Vec<(String, String)>, Counter>::default();
        counters.get_or_create(&vec![("path".to_owned(), "a\"b\\c\n".to_owned())]).inc_by(3);
        registry.register("hits", "Hits", counters);
        let histogram = Histogram::new([0.5, 1.0]);
        histogram.observe(0.7);
        registry.register("wait_seconds", "Wait", histogram);
        registry.register("build", "Build", Info::new([("version", "1")]));
        let mut page = Page::new();
        let mut last = Last::default();
        last.put(&registry, &mut page).unwrap();
        let mut text = Vec::new();
        Assembly::new().write(&[&page], &Options::new(Format::Text), &mut text);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "# HELP build_info Build.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n\
             # HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total{path=\"a\\\"b\\\\c\\n\"} 3\n\
             # HELP wait_seconds Wait.\n# TYPE wait_seconds histogram\nwait_seconds_sum 0.7\nwait_seconds_count 1\n\
             wait_seconds_bucket{le=\"0.5\"} 0\nwait_seconds_bucket{le=\"1.0\"} 1\nwait_seconds_bucket{le=\"+Inf\"} 1\n"
        );
    }

    #[test]
    fn the_second_time_is_as_the_first() {
        let mut registry = Registry::default();
        let counters = Counters::<Vec<(String, String)>, Counter>::default();
        let count = |path: &str| {
            counters.get_or_create(&vec![("path".to_owned(), path.to_owned())]).inc();
        };
        let histogram = Histogram::new([0.5, 1.0]);
        registry.register("hits", "Hits", counters.clone());
        registry.register("wait_seconds", "Wait", histogram.clone());
        let mut last = Last::default();
        let changes: [&dyn Fn(); 5] =
            [&|| {}, &|| count("a 1"), &|| count("b"), &|| count("a 1"), &|| histogram.observe(0.7)];
        for change in changes {
            change();
            let write = |last: &mut Last| {
                let (mut page, mut text) = (Page::new(), Vec::new());
                last.put(&registry, &mut page).unwrap();
                Assembly::new().write(&[&page], &Options::new(Format::Text), &mut text);
                String::from_utf8(text).unwrap()
            };
            assert_eq!(write(&mut last), write(&mut Last::default()));
        }
    }
}

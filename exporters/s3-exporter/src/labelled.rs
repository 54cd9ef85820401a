//! Families that carry the endpoint where there are several.

use exporter_core::exposition::Page;
use exporter_core::{Family, LabelValue};

/// A family in two forms, of which a page shows one.
pub(crate) struct Labelled<const N: usize, const M: usize> {
    pub(crate) plain: Family<N>,
    /// The same with `endpoint` before the other labels.
    pub(crate) placed: Family<M>,
}

/// The endpoint's name, where there are several.
pub(crate) type At<'a> = Option<&'a str>;

impl<const N: usize, const M: usize> Labelled<N, M> {
    pub(crate) fn put(
        &'static self,
        page: &mut Page,
        at: At<'_>,
        labels: [&dyn LabelValue; N],
        value: impl exporter_core::exposition::SampleValue,
    ) {
        match at {
            None => page.put(&self.plain, labels, value),
            Some(at) => page.put(&self.placed, behind(&at, labels), value),
        }
    }

    pub(crate) fn histogram(
        &'static self,
        page: &mut Page,
        at: At<'_>,
        labels: [&dyn LabelValue; N],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
    ) {
        match at {
            None => page.histogram(&self.plain, labels, buckets, count, sum),
            Some(at) => page.histogram(&self.placed, behind(&at, labels), buckets, count, sum),
        }
    }
}

fn behind<'a, const N: usize, const M: usize>(
    first: &'a dyn LabelValue,
    rest: [&'a dyn LabelValue; N],
) -> [&'a dyn LabelValue; M] {
    std::array::from_fn(|at| at.checked_sub(1).and_then(|at| rest.get(at).copied()).unwrap_or(first))
}

/// Declares families as statics, and a list of their declarations with `endpoint`.
macro_rules! families {
    ($list:ident: $($name:ident: $n:literal/$m:literal = $kind:ident($family:literal, $help:literal, [$($label:literal),*]);)+) => {
        $(static $name: $crate::labelled::Labelled<$n, $m> = $crate::labelled::Labelled {
            plain: exporter_core::Family::new(exporter_core::Kind::$kind, $family, $help, &[$($label),*]),
            placed: exporter_core::Family::new(exporter_core::Kind::$kind, $family, $help, &["endpoint", $($label),*]),
        };)+
        pub(crate) const $list: &[&exporter_core::Desc] = &[$($name.placed.desc()),+];
    };
}

pub(crate) use families;

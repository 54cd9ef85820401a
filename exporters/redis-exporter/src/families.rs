//! A short way to declare families and to list them.

/// Declares families as statics, and a list of their declarations.
macro_rules! families {
    ($list:ident: $($name:ident: $labels:literal = $kind:ident($family:literal, $help:literal, [$($label:literal),* $(,)?]);)+) => {
        $(static $name: exporter_core::Family<$labels> = $crate::families::family!($kind, $family, $help, &[$($label),*]);)+
        pub(crate) const $list: &[&exporter_core::Desc] = &[$($name.desc()),+];
    };
}

macro_rules! family {
    (summary, $name:literal, $help:literal, $labels:expr) => {
        exporter_core::Family::new(exporter_core::Kind::Summary, $name, $help, $labels)
    };
    (histogram, $name:literal, $help:literal, $labels:expr) => {
        exporter_core::Family::new(exporter_core::Kind::Histogram, $name, $help, $labels)
    };
    ($kind:ident, $name:literal, $help:literal, $labels:expr) => {
        exporter_core::Family::$kind($name, $help, $labels)
    };
}

/// Joins lists of declarations.
macro_rules! joined {
    ($first:expr $(, $more:expr)*) => {{
        const ALL: [&exporter_core::Desc; $first.len() $(+ $more.len())*] = {
            let mut all = [$first[0]; $first.len() $(+ $more.len())*];
            let mut at = 0;
            let mut from = 0;
            while from < $first.len() {
                all[at] = $first[from];
                at += 1;
                from += 1;
            }
            $(
                let mut from = 0;
                while from < $more.len() {
                    all[at] = $more[from];
                    at += 1;
                    from += 1;
                }
            )*
            assert!(at == all.len());
            all
        };
        &ALL
    }};
}

pub(crate) use {families, family, joined};

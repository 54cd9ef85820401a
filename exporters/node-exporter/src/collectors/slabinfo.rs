//! Kernel objects by kind, from `/proc/slabinfo`, which only root can read. Off by default: five series for each of some
//! two hundred kinds.

use exporter_core::{BoxedSource, Collector, ConfigError, Family, Flag};

use crate::context::Context;
use crate::filter::Filter;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {
        $(static $ident: Family<1> = Family::gauge(concat!("node_slabinfo_", $name), $help, &["slab"]);)*
        pub(crate) static SLABINFO: Collector =
            Collector { name: "slabinfo", enabled: false, families: &[$($ident.desc()),*], dynamic: &[] };
        /// In the order of the file's columns.
        static COLUMNS: [&Family<1>; 5] = [$(&$ident),*];
    };
}
families! {
    ACTIVE "active_objects" "Objects in use."
    OBJECTS "objects" "Objects allocated, in use or not."
    SIZE "object_size_bytes" "Bytes that an object takes."
    PER_SLAB "objects_per_slab" "Objects that a slab holds."
    PAGES "pages_per_slab" "Pages that a slab takes."
}

const INCLUDE: &str = "collector.slabinfo.slabs-include";
const EXCLUDE: &str = "collector.slabinfo.slabs-exclude";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, ".*", "Kinds of objects to report, as a regular expression."),
    Flag::value(EXCLUDE, "", "Kinds of objects to leave out, as a regular expression."),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut filter = Filter::both(&context.settings, INCLUDE, EXCLUDE)?;
    Ok(source::optional_file(context.proc("slabinfo"), "the kernel shows no slabs", move |text, sink| {
        parse(text, |slab, numbers| {
            if filter.selects(slab) {
                for (family, number) in COLUMNS.iter().zip(numbers) {
                    sink.put(family, [&slab], number);
                }
            }
        })
    }))
}

/// A version, a heading, then a kind of objects a line.
fn parse(text: &[u8], mut each: impl FnMut(&[u8], [u64; 5])) -> Result<(), Malformed> {
    const HEADING: Malformed = Malformed::new("`slabinfo - version: 2` and a heading");
    const MISSING: Malformed = Malformed::new("a name and five numbers");
    let mut lines = lines(text);
    let version = lines.next().filter(|line| line.starts_with(b"slabinfo - version: 2"));
    if version.is_none() || !lines.next().is_some_and(|line| line.starts_with(b"# name")) {
        return Err(HEADING);
    }
    for line in lines {
        let mut parts = fields(line);
        let name = parts.next().ok_or(MISSING)?;
        let mut numbers = [0; 5];
        for number in &mut numbers {
            *number = parts.next().and_then(integer).ok_or(MISSING)?;
        }
        each(name, numbers);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "slabinfo - version: 2.1\n# name <active_objs>\n";

    #[test]
    fn kinds_and_their_numbers() {
        let mut all = Vec::new();
        let text = format!("{HEADING}dentry 1 2 192 21 1 : tunables 0 0 0 : slabdata 3 3 0\n");
        parse(text.as_bytes(), |name, numbers| all.push((name.to_vec(), numbers))).unwrap();
        assert_eq!(all, [(b"dentry".to_vec(), [1, 2, 192, 21, 1])]);
        for bad in ["", "slabinfo - version: 1.1\n# name\n", &format!("{HEADING}dentry 1 2 3 4 x\n")] {
            assert!(parse(bad.as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }
}

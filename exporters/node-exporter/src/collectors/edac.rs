//! Memory errors that the hardware corrected, or could not, from `/sys/devices/system/edac`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;

pub(crate) static EDAC: Collector = Collector {
    name: "edac",
    enabled: true,
    families: &[CORRECTED.desc(), UNCORRECTED.desc(), ROW_CORRECTED.desc(), ROW_UNCORRECTED.desc()],
    dynamic: &[],
};

static CORRECTED: Family<1> =
    Family::counter("node_edac_correctable_errors_total", "Memory errors corrected.", &["controller"]);
static UNCORRECTED: Family<1> =
    Family::counter("node_edac_uncorrectable_errors_total", "Memory errors not corrected.", &["controller"]);
static ROW_CORRECTED: Family<2> = Family::counter(
    "node_edac_csrow_correctable_errors_total",
    "Memory errors corrected, by row.",
    &["controller", "csrow"],
);
static ROW_UNCORRECTED: Family<2> = Family::counter(
    "node_edac_csrow_uncorrectable_errors_total",
    "Memory errors not corrected, by row.",
    &["controller", "csrow"],
);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let root = context.sys("devices/system/edac/mc");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        for name in names_or_none(&root) {
            let Some(controller) = number("mc", &name) else { continue };
            let directory = root.join(&name);
            for (family, rows, count, unknown) in [
                (&CORRECTED, &ROW_CORRECTED, "ce_count", "ce_noinfo_count"),
                (&UNCORRECTED, &ROW_UNCORRECTED, "ue_count", "ue_noinfo_count"),
            ] {
                if let Some(errors) = reader.integer(&directory.join(count)) {
                    sink.put(family, [&controller], errors);
                }
                // Errors of which the hardware does not say where they were.
                if let Some(errors) = reader.integer(&directory.join(unknown)) {
                    sink.put(rows, [&controller, &"unknown"], errors);
                }
                for row in names_or_none(&directory) {
                    if let Some(number) = number("csrow", &row)
                        && let Some(errors) = reader.integer(&directory.join(&row).join(count))
                    {
                        sink.put(rows, [&controller, &number], errors);
                    }
                }
            }
        }
        Ok(())
    }))
}

fn number<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

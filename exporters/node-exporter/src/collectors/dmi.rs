//! Names and serial numbers of the hardware, from `/sys/class/dmi`. They do not change while the host is up.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family, LabelValue};

use crate::context::Context;
use crate::read::Reader;
use crate::source;

pub(crate) static DMI: Collector =
    Collector { name: "dmi", enabled: true, families: &[INFO.desc()], dynamic: &[] };

/// Also the names of the files, but for the last.
const LABELS: [&str; 19] = [
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    "system_vendor",
];
static INFO: Family<19> = Family::info("node_dmi_info", "Names and serial numbers of the hardware.", &LABELS);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let directory = context.sys("class/dmi/id");
    let mut reader = Reader::new();
    let mut known: Option<[String; LABELS.len()]> = None;
    Ok(source::custom(move |sink| {
        if known.is_none() && !directory.is_dir() {
            return Err(CollectError::no_data("the firmware has no DMI"));
        }
        // Some of the files are for root only.
        let facts = known.get_or_insert_with(|| {
            LABELS.map(|label| {
                let file = if label == "system_vendor" { "sys_vendor" } else { label };
                reader.text(&directory.join(file)).unwrap_or_default()
            })
        });
        sink.put(&INFO, facts.each_ref().map(|fact| fact as &dyn LabelValue), true);
        Ok(())
    }))
}

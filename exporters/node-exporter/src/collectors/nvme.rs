//! NVMe controllers and their namespaces, from `/sys/class/nvme`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family, Sink};
use std::path::Path;

use crate::context::Context;
use crate::read::{Reader, names, names_or_none};
use crate::source;

pub(crate) static NVME: Collector = Collector {
    name: "nvme",
    enabled: true,
    families: &[
        INFO.desc(),
        NAMESPACE_INFO.desc(),
        CAPACITY.desc(),
        SIZE.desc(),
        USED.desc(),
        BLOCK_SIZE.desc(),
    ],
    dynamic: &[],
};

static INFO: Family<6> = Family::info(
    "node_nvme_info",
    "Facts about the controller.",
    &["cntlid", "device", "firmware_revision", "model", "serial", "state"],
);
static NAMESPACE_INFO: Family<3> =
    Family::info("node_nvme_namespace_info", "Facts about the namespace.", &["ana_state", "device", "nsid"]);

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<2> =
            Family::gauge(concat!("node_nvme_namespace_", $name), $help, &["device", "nsid"]);
    )*};
}
families! {
    CAPACITY "capacity_bytes" "Bytes that the namespace can hold."
    SIZE "size_bytes" "Size of the namespace."
    USED "used_bytes" "Bytes that the namespace has allocated."
    BLOCK_SIZE "logical_block_size_bytes" "Size of a logical block."
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/nvme");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let Some(devices) = names(&class)? else {
            return Err(CollectError::no_data("no NVMe"));
        };
        for device in devices.into_iter().filter_map(|name| name.into_string().ok()) {
            let directory = class.join(&device);
            let mut fact = |file: &str| reader.text(&directory.join(file)).unwrap_or_default();
            let (id, firmware, model) = (fact("cntlid"), fact("firmware_rev"), fact("model"));
            let (serial, state) = (fact("serial"), fact("state"));
            sink.put(&INFO, [&id, &device, &firmware, &model, &serial, &state], true);
            for entry in names_or_none(&directory) {
                if let Some(number) = namespace(&device, &entry) {
                    put_namespace(&device, number, &directory.join(&entry), &mut reader, sink);
                }
            }
        }
        Ok(())
    }))
}

/// The number in `nvme0n1`, or in `nvme0c0n1` where several paths lead to it.
fn namespace<'a>(device: &str, entry: &'a str) -> Option<&'a str> {
    let rest = entry.strip_prefix(device)?;
    let (path, number) = rest.split_once('n')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let path = path.is_empty() || path.strip_prefix('c').is_some_and(digits);
    (path && digits(number) && !number.is_empty()).then_some(number)
}

fn put_namespace(device: &str, number: &str, directory: &Path, reader: &mut Reader, sink: &mut Sink) {
    let state = reader.text(&directory.join("ana_state")).unwrap_or_else(|| "unknown".to_owned());
    sink.put(&NAMESPACE_INFO, [&state, &device, &number], true);
    // Sectors of 512 bytes, as everywhere in /sys/block.
    if let Some(sectors) = reader.integer(&directory.join("size")) {
        let bytes = sectors as f64 * 512.0;
        sink.put(&CAPACITY, [&device, &number], bytes);
        sink.put(&SIZE, [&device, &number], bytes);
    }
    if let Some(block) = reader.integer(&directory.join("queue/logical_block_size")) {
        sink.put(&BLOCK_SIZE, [&device, &number], block);
        if let Some(used) = reader.integer(&directory.join("nuse")) {
            sink.put(&USED, [&device, &number], used as f64 * block as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_among_the_files() {
        assert_eq!(namespace("nvme0", "nvme0n1"), Some("1"));
        assert_eq!(namespace("nvme0", "nvme0c0n2"), Some("2"));
        for other in ["nvme0", "model", "nvme0n", "nvme0n1p1", "nvme1n1", "ng0n1"] {
            assert_eq!(namespace("nvme0", other), None, "{other}");
        }
    }
}

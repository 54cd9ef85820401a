//! Bonded interfaces: how many there are below each, and how many of those are up.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};
use std::path::Path;

use crate::context::Context;
use crate::read::Reader;
use crate::source;

pub(crate) static BONDING: Collector =
    Collector { name: "bonding", enabled: true, families: &[SLAVES.desc(), ACTIVE.desc()], dynamic: &[] };

static SLAVES: Family<1> = Family::gauge("node_bonding_slaves", "Interfaces that are bonded.", &["master"]);
static ACTIVE: Family<1> =
    Family::gauge("node_bonding_active", "Bonded interfaces that are up.", &["master"]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/net");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let Some(masters) = reader.text(&class.join("bonding_masters")) else {
            return Err(CollectError::no_data("no bonded interfaces"));
        };
        for master in masters.split_whitespace() {
            let directory = class.join(master);
            let slaves = directory.join("bonding/slaves");
            let Some(slaves) = reader.text(&slaves) else {
                return Err(CollectError::failed(format!("{}: cannot be read", slaves.display())));
            };
            let up = slaves.split_whitespace().filter(|slave| is_up(&mut reader, &directory, slave)).count();
            sink.put(&SLAVES, [&master], slaves.split_whitespace().count());
            sink.put(&ACTIVE, [&master], up);
        }
        Ok(())
    }))
}

/// The link to the interface below has had two names.
fn is_up(reader: &mut Reader, master: &Path, slave: &str) -> bool {
    ["lower_", "slave_"].iter().any(|prefix| {
        let path = master.join(format!("{prefix}{slave}")).join("bonding_slave/mii_status");
        reader.attribute(&path).is_some_and(|status| status == b"up")
    })
}

//! Whether SELinux is on, and enforces.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{lines, trim};

pub(crate) static SELINUX: Collector = Collector {
    name: "selinux",
    enabled: true,
    families: &[ENABLED.desc(), CONFIG_MODE.desc(), CURRENT_MODE.desc()],
    dynamic: &[],
};

static ENABLED: Family<0> = Family::gauge("node_selinux_enabled", "Whether SELinux is on.", &[]);
static CONFIG_MODE: Family<0> = Family::gauge(
    "node_selinux_config_mode",
    "Mode at the next boot: 1 enforcing, 0 permissive, -1 disabled.",
    &[],
);
static CURRENT_MODE: Family<0> =
    Family::gauge("node_selinux_current_mode", "Mode now: 1 enforcing, 0 permissive.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let enforce = context.sys("fs/selinux/enforce");
    let config = context.rootfs().join("etc/selinux/config");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let current = reader.integer(&enforce);
        sink.put(&ENABLED, [], current.is_some());
        if let Some(current) = current {
            sink.put(&CURRENT_MODE, [], current);
            let mode = reader.read(&config).ok().and_then(config_mode);
            sink.put(&CONFIG_MODE, [], mode.unwrap_or(-1.0));
        }
        Ok(())
    }))
}

fn config_mode(text: &[u8]) -> Option<f64> {
    match trim(lines(text).find_map(|line| trim(line).strip_prefix(b"SELINUX="))?) {
        b"enforcing" => Some(1.0),
        b"permissive" => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(config_mode(b"# SELINUX=x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"), Some(1.0));
        assert_eq!(config_mode(b"SELINUX=permissive\n"), Some(0.0));
        assert_eq!(config_mode(b"SELINUX=disabled\n"), None);
    }
}

//! Hardware watchdogs, from `/sys/class/watchdog`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;

pub(crate) static WATCHDOG: Collector = Collector {
    name: "watchdog",
    enabled: true,
    families: &[
        BOOT_STATUS.desc(),
        TIMEOUT.desc(),
        TIME_LEFT.desc(),
        PRETIMEOUT.desc(),
        NO_WAY_OUT.desc(),
        FIRMWARE.desc(),
        ACCESS.desc(),
        INFO.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<1> = Family::gauge(concat!("node_watchdog_", $name), $help, &["name"]);
    )*};
}
families! {
    BOOT_STATUS "bootstatus" "Status at boot as a number."
    TIMEOUT "timeout_seconds" "Time after which the host is reset."
    TIME_LEFT "timeleft_seconds" "Time left until the host is reset."
    PRETIMEOUT "pretimeout_seconds" "Time before the reset at which there is a warning."
    NO_WAY_OUT "nowayout" "Whether the watchdog cannot be stopped."
    FIRMWARE "fw_version" "Version of the watchdog's firmware."
    ACCESS "access_cs0" "Whether the boot source can be chosen."
}
static INFO: Family<6> = Family::info(
    "node_watchdog_info",
    "Facts about the watchdog.",
    &["identity", "name", "options", "pretimeout_governor", "state", "status"],
);

static FILES: [(&Family<1>, &str); 7] = [
    (&BOOT_STATUS, "bootstatus"),
    (&TIMEOUT, "timeout"),
    (&TIME_LEFT, "timeleft"),
    (&PRETIMEOUT, "pretimeout"),
    (&NO_WAY_OUT, "nowayout"),
    (&FIRMWARE, "fw_version"),
    (&ACCESS, "access_cs0"),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/watchdog");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        for name in names_or_none(&class) {
            let directory = class.join(&name);
            for (family, file) in FILES {
                if let Some(value) = reader.integer(&directory.join(file)) {
                    sink.put(family, [&name], value);
                }
            }
            let mut fact = |file: &str| reader.text(&directory.join(file)).unwrap_or_default();
            let (identity, options) = (fact("identity"), fact("options"));
            let (governor, state, status) = (fact("pretimeout_governor"), fact("state"), fact("status"));
            sink.put(&INFO, [&identity, &name, &options, &governor, &state, &status], true);
        }
        Ok(())
    }))
}

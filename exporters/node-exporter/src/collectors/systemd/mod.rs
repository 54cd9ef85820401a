//! Units of systemd, asked over D-Bus: one connection that stays, and all questions of a scrape in two round trips.
//!
//! The peer opens a connection for each scrape and asks one property after the other.

mod units;

use exporter_core::{
    BlockingSource, BoxedSource, CollectError, Collector, ConfigError, Family, Flag, Regex, Scrape, Sink,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::dbus::{Bus, BusError, Call, Reader, Value};
use units::{NUMBERS, Property, Unit, interface_with_type, number_of, units};

pub(crate) static SYSTEMD: Collector = Collector {
    name: "systemd",
    enabled: true,
    families: &[
        UNIT_STATE.desc(),
        UNITS.desc(),
        VERSION.desc(),
        VIRTUALIZATION.desc(),
        RUNNING.desc(),
        ACCEPTED.desc(),
        CONNECTIONS.desc(),
        REFUSED.desc(),
        LAST_TRIGGER.desc(),
        RESTARTS.desc(),
        START_TIME.desc(),
        TASKS.desc(),
        TASKS_MAX.desc(),
    ],
    dynamic: &[],
};

static UNIT_STATE: Family<3> = Family::gauge(
    "node_systemd_unit_state",
    "Whether the unit is in this state.",
    &["name", "state", "type"],
);
static UNITS: Family<1> =
    Family::gauge("node_systemd_units", "Units by state, with those left out elsewhere.", &["state"]);
static VERSION: Family<1> =
    Family::gauge("node_systemd_version", "Version of systemd, as a number too.", &["version"]);
static VIRTUALIZATION: Family<1> = Family::info(
    "node_systemd_virtualization_info",
    "Kind of virtual machine or container that systemd runs in.",
    &["virtualization_type"],
);
static RUNNING: Family<0> =
    Family::gauge("node_systemd_system_running", "Whether all is up and no unit has failed.", &[]);

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<1> = Family::$kind(concat!("node_systemd_", $name), $help, &["name"]);
    )*};
}
families! {
    ACCEPTED counter "socket_accepted_connections_total" "Connections that the socket unit has accepted."
    CONNECTIONS gauge "socket_current_connections" "Connections of the socket unit that are open."
    // A gauge with the peer, too.
    REFUSED gauge "socket_refused_connections_total" "Connections that the socket unit has refused."
    LAST_TRIGGER gauge "timer_last_trigger_seconds" "When the timer last went off, in Unix time."
    RESTARTS counter "service_restart_total" "Restarts of the service by systemd."
    START_TIME gauge "unit_start_time_seconds" "When the unit became active, in Unix time; 0 if it is not."
    TASKS gauge "unit_tasks_current" "Tasks of the service."
    TASKS_MAX gauge "unit_tasks_max" "Tasks that the service may have."
}

const INCLUDE: &str = "collector.systemd.unit-include";
const EXCLUDE: &str = "collector.systemd.unit-exclude";
const PRIVATE: &str = "collector.systemd.private";
const WITH_TASKS: &str = "collector.systemd.enable-task-metrics";
const WITH_RESTARTS: &str = "collector.systemd.enable-restarts-metrics";
const WITH_START_TIME: &str = "collector.systemd.enable-start-time-metrics";
const MAX_UNITS: &str = "collector.systemd.max-units";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, ".+", "Units to report, as a regular expression of the whole name."),
    Flag::value(
        EXCLUDE,
        r".+\.(automount|device|mount|scope|slice|target)",
        "Units to leave out, as a regular expression of the whole name.",
    ),
    Flag::switch(WITH_TASKS, false, "Report the tasks of services."),
    Flag::switch(WITH_RESTARTS, false, "Report the restarts of services."),
    Flag::switch(WITH_START_TIME, false, "Report when units became active."),
    Flag::switch(PRIVATE, false, "Ask systemd directly instead of through the bus; only root may.").hidden(),
    Flag::value(MAX_UNITS, "2000", "Units beyond this many are left out, and told in the log."),
];

const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];

const SYSTEMD1: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "/org/freedesktop/systemd1";
const MANAGER_INTERFACE: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// systemd answers within milliseconds unless it is in trouble.
const PATIENCE: Duration = Duration::from_secs(3);
/// A type changes where a unit's file does: seldom.
const TYPES_LAST: Duration = Duration::from_secs(300);

struct Systemd {
    /// Where to ask, and whether that is a bus.
    sockets: Vec<(PathBuf, bool)>,
    include: Regex,
    exclude: Regex,
    numbers: Vec<&'static Property>,
    max_units: usize,
    bus: Option<Bus>,
    verdicts: HashMap<String, bool>,
    types: HashMap<String, String>,
    types_since: Instant,
    told_of_more: bool,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let settings = &context.settings;
    let whole = |flag: &str| {
        let text = settings.text(flag);
        Regex::new(&format!("^(?:{text})$"))
            .map_err(|error| ConfigError::new(format!("--{flag}={text}: bad regular expression: {error}")))
    };
    let private = (context.rootfs().join("run/systemd/private"), false);
    let bus = (context.rootfs().join("run/dbus/system_bus_socket"), true);
    Ok(BoxedSource::blocking(Systemd {
        // Without the bus' daemon there is still the direct way.
        sockets: if settings.switch(PRIVATE) { vec![private] } else { vec![bus, private] },
        include: whole(INCLUDE)?,
        exclude: whole(EXCLUDE)?,
        numbers: NUMBERS
            .iter()
            .filter(|number| number.flag.is_none_or(|flag| settings.switch(flag)))
            .collect(),
        max_units: settings.number(MAX_UNITS)?,
        bus: None,
        verdicts: HashMap::new(),
        types: HashMap::new(),
        types_since: Instant::now(),
        told_of_more: false,
    }))
}

impl BlockingSource for Systemd {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let deadline = Instant::now() + PATIENCE.min(scrape.remaining());
        let kept = self.bus.is_some();
        let manager = match self.manager(deadline) {
            // systemd or the bus was started anew: the connection of the last scrape is dead, and this is no fault.
            Err(error) if kept && error.is_io() => {
                self.bus = None;
                self.manager(deadline)
            }
            result => result,
        };
        let manager = match manager {
            Ok(manager) => manager,
            Err(error) => {
                self.bus = None;
                return Err(match error {
                    error if error.is_absent() => CollectError::no_data("no systemd"),
                    // A bus without systemd on it.
                    BusError::Answer { error, .. } if is_nobody(&error) => {
                        CollectError::no_data("no systemd")
                    }
                    error => error.into(),
                });
            }
        };
        let result = self.put(manager, deadline, sink);
        if result.is_err() {
            self.bus = None;
        }
        Ok(result?)
    }
}

/// What systemd says of itself and its units.
struct Manager {
    version: String,
    virtualization: String,
    state: String,
    units: Vec<Unit>,
}

impl Systemd {
    fn manager(&mut self, deadline: Instant) -> Result<Manager, BusError> {
        let bus = match &mut self.bus {
            Some(bus) => bus,
            none => none.insert(connect(&self.sockets, deadline)?),
        };
        let own = |name: &'static str| [MANAGER_INTERFACE, name];
        let names = [own("Version"), own("Virtualization"), own("SystemState")];
        let calls = names.each_ref().map(|names| get(MANAGER, names));
        let mut told = [const { String::new() }; 3];
        bus.ask(&calls, deadline, |at, answer| {
            if let Ok(Some(Value::Text(text))) = answer.map(|body| Reader::new(body).variant()) {
                told[at] = text.to_owned();
            }
        })?;
        let list = Call { path: MANAGER, interface: MANAGER_INTERFACE, member: "ListUnits", arguments: &[] };
        let units = bus.one(list, deadline, units)?;
        let [version, virtualization, state] = told;
        Ok(Manager { version, virtualization, state, units })
    }

    fn put(&mut self, manager: Manager, deadline: Instant, sink: &mut Sink) -> Result<(), BusError> {
        if let Some(version) = number_of(&manager.version) {
            sink.put(&VERSION, [&manager.version], version);
        }
        let virtualization = if manager.virtualization.is_empty() { "none" } else { &manager.virtualization };
        sink.put(&VIRTUALIZATION, [&virtualization], true);
        sink.put(&RUNNING, [], manager.state == "running");
        for state in STATES {
            let count = manager.units.iter().filter(|unit| unit.active == state).count();
            sink.put(&UNITS, [&state], count as u64);
        }
        let mut units = manager.units;
        units.retain(|unit| unit.load == "loaded" && self.selects(&unit.name));
        units.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if units.len() > self.max_units && !self.told_of_more {
            self.told_of_more = true;
            let (units, limit) = (units.len(), self.max_units);
            tracing::warn!(units, limit, "more systemd units than --{MAX_UNITS}; the rest is left out");
        }
        units.truncate(self.max_units);
        self.ask_types(&units, deadline)?;
        for unit in &units {
            let kind = self.types.get(&unit.name).map_or("", String::as_str);
            for state in STATES {
                sink.put(&UNIT_STATE, [&unit.name, &state, &kind], unit.active == state);
            }
        }
        self.put_numbers(&units, deadline, sink)
    }

    fn selects(&mut self, name: &str) -> bool {
        /// Scopes come and go with each login.
        const MAX_REMEMBERED: usize = 8192;
        if let Some(verdict) = self.verdicts.get(name) {
            return *verdict;
        }
        let verdict = self.include.is_match(name) && !self.exclude.is_match(name);
        if self.verdicts.len() >= MAX_REMEMBERED {
            self.verdicts.clear();
        }
        self.verdicts.insert(name.to_owned(), verdict);
        verdict
    }

    /// Looks up the types that are not known yet.
    fn ask_types(&mut self, units: &[Unit], deadline: Instant) -> Result<(), BusError> {
        if self.types_since.elapsed() > TYPES_LAST {
            self.types.clear();
            self.types_since = Instant::now();
        }
        let typed = |unit: &&Unit| interface_with_type(&unit.name).is_some();
        let asked: Vec<&Unit> =
            units.iter().filter(typed).filter(|unit| !self.types.contains_key(&unit.name)).collect();
        let names: Vec<_> =
            asked.iter().map(|unit| [interface_with_type(&unit.name).unwrap_or_default(), "Type"]).collect();
        let calls: Vec<_> = asked.iter().zip(&names).map(|(unit, names)| get(&unit.path, names)).collect();
        let (Some(bus), types) = (&mut self.bus, &mut self.types) else { return Ok(()) };
        bus.ask(&calls, deadline, |at, answer| {
            if let Ok(Some(Value::Text(kind))) = answer.map(|body| Reader::new(body).variant()) {
                types.insert(asked[at].name.clone(), kind.to_owned());
            }
        })
    }

    fn put_numbers(&mut self, units: &[Unit], deadline: Instant, sink: &mut Sink) -> Result<(), BusError> {
        let mut asked = Vec::new();
        for number in &self.numbers {
            for unit in units.iter().filter(|unit| unit.name.ends_with(number.ending)) {
                if number.flag == Some(WITH_START_TIME) && unit.active != "active" {
                    sink.put(number.family, [&unit.name], 0_u64);
                } else {
                    asked.push((*number, unit, [number.interface, number.name]));
                }
            }
        }
        let calls: Vec<_> = asked.iter().map(|(_, unit, names)| get(&unit.path, names)).collect();
        let Some(bus) = &mut self.bus else { return Ok(()) };
        bus.ask(&calls, deadline, |at, answer| {
            let (number, unit, _) = &asked[at];
            // An old systemd does not know all properties; a unit may be gone; all ones mean that there is no limit.
            match answer.map(|body| Reader::new(body).variant()) {
                Ok(Some(Value::Number(value))) if value != u64::MAX => {
                    sink.put(number.family, [&unit.name], value as f64 / number.unit);
                }
                _ => {}
            }
        })
    }
}

/// The first socket that answers; else the most telling error.
fn connect(sockets: &[(PathBuf, bool)], deadline: Instant) -> Result<Bus, BusError> {
    let mut failed: Option<BusError> = None;
    for (path, bus) in sockets {
        match Bus::connect(path, SYSTEMD1, *bus, deadline) {
            Err(error) if error.is_connect() => {
                failed = failed.filter(|before| !before.is_absent()).or(Some(error));
            }
            result => return result,
        }
    }
    Err(failed.unwrap_or(BusError::Malformed))
}

/// What a bus says where systemd is not on it.
fn is_nobody(error: &str) -> bool {
    error.ends_with(".ServiceUnknown") || error.ends_with(".NameHasNoOwner")
}

fn get<'a>(path: &'a str, names: &'a [&'a str; 2]) -> Call<'a> {
    Call { path, interface: PROPERTIES, member: "Get", arguments: names }
}

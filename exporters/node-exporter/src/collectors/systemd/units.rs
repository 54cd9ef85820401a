//! What systemd tells of units: the list of them, and which properties are asked of which kind.

use exporter_core::Family;

use super::{
    ACCEPTED, CONNECTIONS, LAST_TRIGGER, REFUSED, RESTARTS, START_TIME, TASKS, TASKS_MAX, WITH_RESTARTS,
    WITH_START_TIME, WITH_TASKS,
};
use crate::dbus::Reader;

/// A property of the units with this ending.
pub(super) struct Property {
    pub(super) ending: &'static str,
    pub(super) interface: &'static str,
    pub(super) name: &'static str,
    pub(super) family: &'static Family<1>,
    /// What the number is divided by.
    pub(super) unit: f64,
    pub(super) flag: Option<&'static str>,
}

pub(super) static NUMBERS: [Property; 8] = [
    socket("NAccepted", &ACCEPTED),
    socket("NConnections", &CONNECTIONS),
    socket("NRefused", &REFUSED),
    Property {
        ending: ".timer",
        interface: "org.freedesktop.systemd1.Timer",
        name: "LastTriggerUSec",
        family: &LAST_TRIGGER,
        unit: 1e6,
        flag: None,
    },
    Property {
        ending: "",
        interface: "org.freedesktop.systemd1.Unit",
        name: "ActiveEnterTimestamp",
        family: &START_TIME,
        unit: 1e6,
        flag: Some(WITH_START_TIME),
    },
    service("NRestarts", &RESTARTS, WITH_RESTARTS),
    service("TasksCurrent", &TASKS, WITH_TASKS),
    service("TasksMax", &TASKS_MAX, WITH_TASKS),
];

const fn socket(name: &'static str, family: &'static Family<1>) -> Property {
    let interface = "org.freedesktop.systemd1.Socket";
    Property { ending: ".socket", interface, name, family, unit: 1.0, flag: None }
}

const fn service(name: &'static str, family: &'static Family<1>, flag: &'static str) -> Property {
    let interface = "org.freedesktop.systemd1.Service";
    Property { ending: ".service", interface, name, family, unit: 1.0, flag: Some(flag) }
}

/// Kinds of units that have a type.
pub(super) fn interface_with_type(unit: &str) -> Option<&'static str> {
    match unit.rsplit_once('.')?.1 {
        "service" => Some("org.freedesktop.systemd1.Service"),
        "mount" => Some("org.freedesktop.systemd1.Mount"),
        _ => None,
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) load: String,
    pub(super) active: String,
    pub(super) path: String,
}

/// The answer to `ListUnits`: name, description, three states, followed unit, path, and its job.
pub(super) fn units(body: &[u8]) -> Option<Vec<Unit>> {
    Reader::new(body).structures(|reader| {
        let name = reader.string()?.to_owned();
        reader.string()?;
        let (load, active) = (reader.string()?.to_owned(), reader.string()?.to_owned());
        reader.string()?;
        reader.string()?;
        let path = reader.string()?.to_owned();
        reader.u32()?;
        reader.string()?;
        reader.string()?;
        Some(Unit { name, load, active, path })
    })
}

/// The first number of at least three digits in a version such as `252.38-1~deb12u1`, with one fraction.
pub(super) fn number_of(version: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = version;
    loop {
        rest = &rest[rest.find(|c: char| c.is_ascii_digit())?..];
        let whole = digits(rest);
        if whole >= 3 {
            let fraction = rest[whole..].strip_prefix('.').map_or(0, digits);
            let end = if fraction > 0 { whole + 1 + fraction } else { whole };
            return rest[..end].parse().ok();
        }
        rest = &rest[whole..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_numbers() {
        for (version, number) in [
            ("252.38-1~deb12u1", Some(252.38)),
            ("219", Some(219.0)),
            ("v2-249.rc1", Some(249.0)),
            ("", None),
            ("12.5", None),
        ] {
            assert_eq!(number_of(version), number, "{version}");
        }
    }

    #[test]
    fn a_list_of_units() {
        let mut body = vec![0; 8];
        for name in ["a.service", "bb.timer"] {
            body.resize(body.len().next_multiple_of(8), 0);
            let text = |text: &str, body: &mut Vec<u8>| {
                body.resize(body.len().next_multiple_of(4), 0);
                body.extend((text.len() as u32).to_ne_bytes());
                body.extend(text.as_bytes());
                body.push(0);
            };
            for field in [name, "Some unit", "loaded", "active", "running", "", "/org/x"] {
                text(field, &mut body);
            }
            body.resize(body.len().next_multiple_of(4), 0);
            body.extend(0_u32.to_ne_bytes());
            text("", &mut body);
            text("/", &mut body);
        }
        let length = (body.len() - 8) as u32;
        body[..4].copy_from_slice(&length.to_ne_bytes());
        let list = units(&body).unwrap();
        assert_eq!(list.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>(), ["a.service", "bb.timer"]);
        assert_eq!((list[1].active.as_str(), list[1].path.as_str()), ("active", "/org/x"));
        for cut in 0..body.len() {
            assert!(units(&body[..cut]).is_none(), "{cut}");
        }
    }
}

//! Settings, from `pg_settings`; the server names the families. Units become seconds and bytes.

use exporter_core::{CollectError, Collector, Dynamic, Kind, Page};
use tokio_postgres::Row;

use super::State;
use crate::select::{Query, labels};
use crate::server::Server;

pub(super) static SETTINGS: Collector = Collector {
    name: "settings",
    enabled: true,
    families: &[],
    dynamic: &[PLAIN.desc(), SECONDS.desc(), BYTES.desc()],
};

static PLAIN: Dynamic<0> = Dynamic::new(Kind::Gauge, "pg_settings_", "Setting {}.", &[]);
static SECONDS: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "pg_settings_", "Setting {}, in seconds.", &[]).suffix("_seconds");
static BYTES: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "pg_settings_", "Setting {}, in bytes.", &[]).suffix("_bytes");

/// Numbers and switches.
pub(super) struct Values;
pub(super) static VALUES: Values = Values;

impl Query for Values {
    fn sql(&self, _: &Server) -> Option<String> {
        Some(
            "SELECT name, setting, coalesce(unit, '') FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real')"
                .to_owned(),
        )
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        _: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        for row in rows {
            let [name, setting, unit] = labels(row)?;
            // A unit of an extension's that nobody knows costs that setting only.
            let Some((value, family)) = parse(setting, unit) else { continue };
            match &server.knobs.label {
                None => page.put_dynamic(family, name.as_bytes(), [], value),
                Some(label) => {
                    let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
                    let suffix = if std::ptr::eq(family, &SECONDS) {
                        "_seconds"
                    } else if std::ptr::eq(family, &BYTES) {
                        "_bytes"
                    } else {
                        ""
                    };
                    let labels = [("server", label as &dyn exporter_core::LabelValue)];
                    page.foreign(&format!("pg_settings_{name}{suffix}"), Kind::Gauge, "Setting.")?
                        .put("", labels, value)?;
                }
            }
        }
        Ok(())
    }
}

/// The value in base units, and the family that says which. -1 and other negatives mean "off" and keep their value.
fn parse(setting: &str, unit: &str) -> Option<(f64, &'static Dynamic<0>)> {
    let value = match setting {
        "on" => 1.0,
        "off" => 0.0,
        number => number.parse::<f64>().ok()?,
    };
    let (factor, family) = unit_of(unit)?;
    Some((if value == -1.0 { value } else { value * factor }, family))
}

fn unit_of(unit: &str) -> Option<(f64, &'static Dynamic<0>)> {
    let (number, name) = unit.split_at(unit.find(|c: char| !c.is_ascii_digit()).unwrap_or(unit.len()));
    let number = if number.is_empty() { 1.0 } else { number.parse().ok()? };
    let (factor, family) = match name {
        "" => (1.0, &PLAIN),
        "us" => (1e-6, &SECONDS),
        "ms" => (1e-3, &SECONDS),
        "s" => (1.0, &SECONDS),
        "min" => (60.0, &SECONDS),
        "h" => (3600.0, &SECONDS),
        "d" => (86_400.0, &SECONDS),
        "B" => (1.0, &BYTES),
        "kB" => (1024.0, &BYTES),
        "MB" => (1_048_576.0, &BYTES),
        "GB" => (1_073_741_824.0, &BYTES),
        "TB" => (1_099_511_627_776.0, &BYTES),
        _ => return None,
    };
    Some((number * factor, family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (setting, unit, value, suffix) in [
            ("128", "8kB", 1_048_576.0, "_bytes"),
            ("5", "min", 300.0, "_seconds"),
            ("200", "ms", 0.2, "_seconds"),
            ("-1", "ms", -1.0, "_seconds"),
            ("1", "16MB", 16_777_216.0, "_bytes"),
            ("on", "", 1.0, ""),
            ("0.5", "", 0.5, ""),
        ] {
            let (got, family) = parse(setting, unit).unwrap();
            let expected = [("", &PLAIN), ("_seconds", &SECONDS), ("_bytes", &BYTES)];
            let expected = expected.into_iter().find(|(name, _)| *name == suffix).unwrap().1;
            assert!(got == value && std::ptr::eq(family, expected), "{setting} {unit}: {got}");
        }
        assert!(parse("1", "furlongs").is_none() && parse("x", "").is_none());
    }
}

//! Batteries and mains, from `/sys/class/power_supply`; see the kernel's ABI/testing/sysfs-class-power.

use exporter_core::{BoxedSource, Collector, ConfigError, Dynamic, Family, Flag, Kind, LabelValue};

use crate::context::Context;
use crate::filter::Filter;
use crate::read::{Reader, names_or_none};
use crate::source;
use crate::text::signed;

pub(crate) static POWERSUPPLYCLASS: Collector =
    Collector { name: "powersupplyclass", enabled: true, families: &[INFO.desc()], dynamic: &[VALUE.desc()] };

static VALUE: Dynamic<1> =
    Dynamic::new(Kind::Gauge, "node_power_supply_", "Power supply property {}.", &["power_supply"]);

const FACTS: [&str; 12] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "power_supply",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];
static INFO: Family<12> = Family::info("node_power_supply_info", "Facts about the power supply.", &FACTS);

/// File, family after the prefix, what to divide by.
const FILES: [(&str, &str, f64); 52] = [
    ("authentic", "authentic", 1.0),
    ("calibrate", "calibrate", 1.0),
    ("capacity", "capacity", 1.0),
    ("capacity_alert_max", "capacity_alert_max", 1.0),
    ("capacity_alert_min", "capacity_alert_min", 1.0),
    ("cycle_count", "cyclecount", 1.0),
    ("online", "online", 1.0),
    ("present", "present", 1.0),
    ("time_to_empty_now", "time_to_empty_seconds", 1.0),
    ("time_to_full_now", "time_to_full_seconds", 1.0),
    ("current_boot", "current_boot", 1e6),
    ("current_max", "current_max", 1e6),
    ("current_now", "current_ampere", 1e6),
    ("energy_empty", "energy_empty", 1e6),
    ("energy_empty_design", "energy_empty_design", 1e6),
    ("energy_full", "energy_full", 1e6),
    ("energy_full_design", "energy_full_design", 1e6),
    ("energy_now", "energy_watthour", 1e6),
    ("voltage_boot", "voltage_boot", 1e6),
    ("voltage_max", "voltage_max", 1e6),
    ("voltage_max_design", "voltage_max_design", 1e6),
    ("voltage_min", "voltage_min", 1e6),
    ("voltage_min_design", "voltage_min_design", 1e6),
    ("voltage_now", "voltage_volt", 1e6),
    ("voltage_ocv", "voltage_ocv", 1e6),
    ("charge_control_limit", "charge_control_limit", 1e6),
    ("charge_control_limit_max", "charge_control_limit_max", 1e6),
    ("charge_counter", "charge_counter", 1e6),
    ("charge_empty", "charge_empty", 1e6),
    ("charge_empty_design", "charge_empty_design", 1e6),
    ("charge_full", "charge_full", 1e6),
    ("charge_full_design", "charge_full_design", 1e6),
    ("charge_now", "charge_ampere", 1e6),
    ("charge_term_current", "charge_term_current", 1e6),
    ("constant_charge_current", "constant_charge_current", 1e6),
    ("constant_charge_current_max", "constant_charge_current_max", 1e6),
    ("constant_charge_voltage", "constant_charge_voltage", 1e6),
    ("constant_charge_voltage_max", "constant_charge_voltage_max", 1e6),
    ("precharge_current", "precharge_current", 1e6),
    ("input_current_limit", "input_current_limit", 1e6),
    ("power_now", "power_watt", 1e6),
    ("temp", "temp_celsius", 10.0),
    ("temp_alert_max", "temp_alert_max_celsius", 10.0),
    ("temp_alert_min", "temp_alert_min_celsius", 10.0),
    ("temp_ambient", "temp_ambient_celsius", 10.0),
    ("temp_ambient_alert_max", "temp_ambient_max_celsius", 10.0),
    ("temp_ambient_alert_min", "temp_ambient_min_celsius", 10.0),
    ("temp_max", "temp_max_celsius", 10.0),
    ("temp_min", "temp_min_celsius", 10.0),
    ("time_to_empty_avg", "time_to_empty_avg_seconds", 1.0),
    ("time_to_full_avg", "time_to_full_avg_seconds", 1.0),
    ("voltage_avg", "voltage_avg", 1e6),
];

const IGNORED: &str = "collector.powersupply.ignored-supplies";

pub(crate) const FLAGS: &[Flag] =
    &[Flag::value(IGNORED, "^$", "Power supplies to leave out, as a regular expression.")];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let class = context.sys("class/power_supply");
    let mut filter = Filter::excluding(&context.settings, IGNORED)?;
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        for name in names_or_none(&class) {
            if !filter.selects(name.as_bytes()) {
                continue;
            }
            let directory = class.join(&name);
            for (file, family, scale) in FILES {
                if let Some(value) = reader.attribute(&directory.join(file)).and_then(signed) {
                    sink.put_dynamic(&VALUE, family.as_bytes(), [&name], value as f64 / scale);
                }
            }
            let facts = FACTS.map(|fact| match fact {
                "power_supply" => name.clone(),
                file => reader.text(&directory.join(file)).unwrap_or_default(),
            });
            sink.put(&INFO, facts.each_ref().map(|fact| fact as &dyn LabelValue), true);
        }
        Ok(())
    }))
}

//! The families of the checks.

use exporter_core::{Collector, Family, Kind, Page};
use std::sync::Arc;

use super::report::Report;
use super::run::Checker;
use super::state::PHASES;

pub(super) static CHECKS: Collector = Collector {
    name: "checks",
    enabled: true,
    families: &[
        UP.desc(),
        RUNS.desc(),
        DURATION.desc(),
        PHASE.desc(),
        LAST_SUCCESS.desc(),
        CERTIFICATE.desc(),
        STATUS.desc(),
        STATE.desc(),
        RESPONSE.desc(),
        LAST_RUN.desc(),
        AGE.desc(),
        VALUE.desc(),
        INFO.desc(),
        REPORTED.desc(),
        UNKNOWN.desc(),
        DROPPED.desc(),
        AGENT_BEAT.desc(),
        AGENT_STATUS.desc(),
        AGENT_COUNT.desc(),
        ETL_LAST_RUN.desc(),
        ETL_AGE.desc(),
    ],
    dynamic: &[],
};

static UP: Family<2> = Family::gauge(
    "app_health_up",
    "Whether the endpoint answered in time, with an allowed status and a body that could be read.",
    &["system", "check"],
);
static RUNS: Family<4> = Family::counter(
    "app_health_check_total",
    "Runs of a check by result (success, failure) and reason.",
    &["system", "check", "result", "reason"],
);
static DURATION: Family<2> = Family::new(
    Kind::Histogram,
    "app_health_check_duration_seconds",
    "How long runs took, in seconds.",
    &["system", "check"],
);
static PHASE: Family<3> = Family::counter(
    "app_health_check_phase_seconds_total",
    "Time spent in each phase of the runs, in seconds.",
    &["system", "check", "phase"],
);
static LAST_SUCCESS: Family<2> = Family::gauge(
    "app_health_last_success_timestamp_seconds",
    "When a run last succeeded, in seconds since 1970; 0 for never.",
    &["system", "check"],
);
static CERTIFICATE: Family<2> = Family::gauge(
    "app_health_certificate_expiry_timestamp_seconds",
    "When the endpoint's first certificate ends, valid or not, in seconds since 1970.",
    &["system", "check"],
);
static STATUS: Family<3> = Family::gauge(
    "app_health_status",
    "1 where the body says that a component is well, 0 where not.",
    &["system", "check", "component"],
);
static STATE: Family<4> = Family::gauge(
    "app_health_state",
    "1 for the state that the body reports, in the map's spelling.",
    &["system", "check", "component", "state"],
);
static RESPONSE: Family<3> = Family::gauge(
    "app_health_component_response_seconds",
    "Response time that the body reports, in seconds.",
    &["system", "check", "component"],
);
static LAST_RUN: Family<3> = Family::gauge(
    "app_health_component_last_run_timestamp_seconds",
    "Last run that the body reports, in seconds since 1970.",
    &["system", "check", "component"],
);
static AGE: Family<3> = Family::gauge(
    "app_health_component_age_seconds",
    "Age that the body reports, in seconds.",
    &["system", "check", "component"],
);
static VALUE: Family<4> =
    Family::gauge("app_health_value", "A number of the body.", &["system", "check", "component", "name"]);
static INFO: Family<3> =
    Family::info("app_health_info", "Version that the body reports.", &["system", "check", "version"]);
static REPORTED: Family<2> = Family::gauge(
    "app_health_reported_timestamp_seconds",
    "Time that the body carries; an old one is a cached answer.",
    &["system", "check"],
);
static UNKNOWN: Family<2> = Family::counter(
    "app_health_unknown_texts_total",
    "Texts of bodies that no map knows or that cannot be a label.",
    &["system", "check"],
);
static DROPPED: Family<2> = Family::counter(
    "app_health_dropped_series_total",
    "Values of bodies beyond the cap of series.",
    &["system", "check"],
);
static AGENT_BEAT: Family<3> = Family::gauge(
    "agent_last_heartbeat_timestamp",
    "When an agent was last seen, in seconds since 1970.",
    &["system", "check", "agent_name"],
);
static AGENT_STATUS: Family<4> =
    Family::gauge("agent_status", "1 for an agent's state.", &["system", "check", "agent_name", "status"]);
static AGENT_COUNT: Family<3> =
    Family::gauge("agent_count", "Agents by state.", &["system", "check", "status"]);
static ETL_LAST_RUN: Family<3> = Family::gauge(
    "etl_last_run_timestamp",
    "When the component named etl last ran, in seconds since 1970.",
    &["system", "check", "component"],
);
static ETL_AGE: Family<3> = Family::gauge(
    "etl_age_seconds",
    "Age of the data of the component named etl, in seconds.",
    &["system", "check", "component"],
);

pub(super) fn put(page: &mut Page, checkers: &[Arc<Checker>]) {
    for checker in checkers {
        let (system, check) = (&checker.system, &checker.check.name);
        let state = checker.state();
        if state.runs == 0 {
            continue;
        }
        page.put(&UP, [system, check], state.up);
        page.put(&RUNS, [system, check, &"success", &""], state.succeeded);
        if state.failed.is_empty() {
            // A counter that appears with its first failure hides that failure from rate().
            page.put(&RUNS, [system, check, &"failure", &""], 0_u8);
        }
        for (reason, count) in &state.failed {
            page.put(&RUNS, [system, check, &"failure", reason], *count);
        }
        page.histogram(&DURATION, [system, check], state.buckets(), state.runs, state.seconds);
        for (phase, seconds) in PHASES.iter().zip(state.phases) {
            page.put(&PHASE, [system, check, phase], seconds);
        }
        page.put(&LAST_SUCCESS, [system, check], state.last_success);
        if let Some(end) = state.certificate_end {
            page.put(&CERTIFICATE, [system, check], end);
        }
        page.put(&UNKNOWN, [system, check], state.unknown);
        page.put(&DROPPED, [system, check], state.dropped);
        if let Some(report) = &state.report {
            put_report(page, system, check, report);
        }
    }
}

fn put_report(page: &mut Page, system: &str, check: &str, report: &Report) {
    let (system, check) = (&system, &check);
    for (name, component) in &report.components {
        if let Some((up, state)) = &component.status {
            page.put(&STATUS, [system, check, name], *up);
            page.put(&STATE, [system, check, name, state], 1_u8);
        }
        if let Some(seconds) = component.response_seconds {
            page.put(&RESPONSE, [system, check, name], seconds);
        }
        if let Some(time) = component.last_run {
            page.put(&LAST_RUN, [system, check, name], time);
            if name == "etl" {
                page.put(&ETL_LAST_RUN, [system, check, name], time);
            }
        }
        if let Some(age) = component.age_seconds {
            page.put(&AGE, [system, check, name], age);
            if name == "etl" {
                page.put(&ETL_AGE, [system, check, name], age);
            }
        }
    }
    for ((name, component), value) in &report.values {
        page.put(&VALUE, [system, check, component, name], *value);
    }
    if let Some(version) = &report.version {
        page.put(&INFO, [system, check, version], 1_u8);
    }
    if let Some(time) = report.reported {
        page.put(&REPORTED, [system, check], time);
    }
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for (name, agent) in &report.agents {
        if let Some(time) = agent.last_seen {
            page.put(&AGENT_BEAT, [system, check, name], time);
        }
        if let Some((_, status)) = &agent.status {
            page.put(&AGENT_STATUS, [system, check, name, status], 1_u8);
            *counts.entry(status).or_default() += 1;
        }
    }
    for (status, count) in counts {
        page.put(&AGENT_COUNT, [system, check, &status], count);
    }
}

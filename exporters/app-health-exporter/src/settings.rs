//! Flags, and what they make.

use exporter_core::probe::{ProbeSpec, TargetPolicy};
use exporter_core::{Collector, ConfigError, Flag, Settings, SourceSpec};
use std::time::Duration;

use crate::config::modules::Modules;
use crate::config::values::Size;
use crate::context::Context;
use crate::probe::{History, Service};
use crate::{check, probe};

pub(crate) fn flags() -> Vec<Flag> {
    vec![
        Flag::list(
            "config.file",
            "Modules of /probe: blackbox_exporter's or json_exporter's file; give it again for more.",
        )
        .file(),
        Flag::value("checks.file", "", "YAML file of checks, logs, files, heartbeats and objectives.").file(),
        Flag::list(
            "probe.allow",
            "Targets /probe may ask: a name, *.domain or a network, each with :PORT, or a socket's path.",
        ),
        Flag::value("probe.max-body", "10MB", "Bytes of a body that are kept to be looked at."),
        Flag::value(
            "timeout-offset",
            "0.5",
            "Seconds that a probe leaves of the scrape's timeout, from 0.5 on.",
        ),
        Flag::value("history.limit", "100", "Probes that /logs tells of, and as many failures beyond them."),
        Flag::value("log.prober", "info", "`debug` writes a line to the log for each probe."),
        // The peer's that have nothing to do here.
        Flag::switch("config.enable-auto-reload", false, "Without effect: send SIGHUP.").hidden(),
        Flag::value("config.auto-reload-interval", "30", "Accepted.").hidden(),
    ]
}

pub(crate) fn collectors() -> Vec<&'static Collector> {
    probe::collectors().into_iter().chain(check::collectors()).collect()
}

fn context(settings: &Settings) -> Result<Context, ConfigError> {
    let text = settings.text("probe.max-body");
    let size = Size::parse(text)
        .ok_or_else(|| ConfigError::new(format!("--probe.max-body={text}: no size; write 10MB")))?;
    let (sockets, addresses): (Vec<_>, Vec<_>) =
        settings.list("probe.allow").iter().cloned().partition(|target| target.starts_with('/'));
    // A list of sockets alone allows no address.
    let policy = match (sockets.is_empty(), addresses.is_empty()) {
        (false, true) => TargetPolicy::new(["255.255.255.255:0"])?,
        _ => TargetPolicy::new(addresses.iter().map(String::as_str))?,
    };
    let sockets = (!settings.list("probe.allow").is_empty()).then_some(sockets);
    Ok(Context::new(policy, sockets, size.0))
}

/// The seconds beyond the half that the core leaves anyway.
fn offset(settings: &Settings) -> Result<Duration, ConfigError> {
    let text = settings.text("timeout-offset");
    let seconds = text.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    let seconds =
        seconds.ok_or_else(|| ConfigError::new(format!("--timeout-offset={text}: write seconds")))?;
    Ok(seconds.saturating_sub(Duration::from_millis(500)))
}

pub(crate) fn probes(settings: &Settings) -> Result<Vec<ProbeSpec>, ConfigError> {
    let modules = match settings.list("config.file") {
        [] => Modules::built_in()?,
        files => Modules::read(files.iter().map(String::as_str))?,
    };
    if settings.list("probe.allow").is_empty() {
        for module in modules.with_credentials() {
            // As the peer does; but whoever can reach /probe can have them sent to a server of his own.
            tracing::warn!(
                module,
                "its credentials go to any target that is asked for: name targets by --probe.allow"
            );
        }
    }
    if settings.switch("config.enable-auto-reload") {
        tracing::warn!("--config.enable-auto-reload has no effect: send SIGHUP, or POST to /-/reload");
    }
    // More would be no history but a leak.
    let limit: usize = settings.number("history.limit")?;
    let service = Service {
        modules,
        context: context(settings)?,
        history: History::new(limit.min(10_000)),
        offset: offset(settings)?,
        is_logged: settings.text("log.prober") == "debug",
    };
    Ok(vec![probe::spec(settings, service)])
}

pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    check::sources(settings, &context(settings)?)
}

//! Flags, and what they make.

use exporter_core::probe::{ProbeSpec, TargetPolicy};
use exporter_core::{Collector, ConfigError, Flag, Settings, SourceSpec};
use std::sync::Arc;

use crate::config::modules::Modules;
use crate::config::values::Size;
use crate::context::Context;
use crate::{check, probe};

pub(crate) fn flags() -> Vec<Flag> {
    vec![
        Flag::list(
            "config.file",
            "Modules of /probe: blackbox_exporter's or json_exporter's file; give it again for more.",
        ),
        Flag::value("checks.file", "", "YAML file of checks, logs, files, heartbeats and objectives."),
        Flag::list("probe.allow", "Targets /probe may ask: a name, *.domain or a network, each with :PORT."),
        Flag::value("probe.max-body", "10MB", "Bytes of a body that are kept to be looked at."),
        // The peers' flags that have nothing to do here.
        Flag::value("timeout-offset", "0.5", "Accepted; the core keeps half a second.").hidden(),
        Flag::value("history.limit", "100", "Accepted; failures are told by probe_failure_reason.").hidden(),
        Flag::value("log.prober", "info", "Accepted; see log.level.").hidden(),
        Flag::switch("config.enable-auto-reload", false, "Accepted.").hidden(),
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
    let policy = TargetPolicy::new(settings.list("probe.allow").iter().map(String::as_str))?;
    Ok(Context::new(policy, size.0))
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
    Ok(vec![probe::spec(settings, context(settings)?, Arc::new(modules))])
}

pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    check::sources(settings, &context(settings)?)
}

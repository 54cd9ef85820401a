//! What else tells that an application is well: its logs, files, heartbeats and certificates.

mod beats;
mod files;
mod glob;
mod heartbeat;
mod logs;
mod receiver;
mod tail;
mod troubles;

use exporter_core::{BoxedSource, Collector, ConfigError, Settings, SourceSpec};
use std::sync::Arc;
use std::time::Duration;

use crate::config::checks::Checks;

const LOGS_EVERY: Duration = Duration::from_secs(5);
/// Walking folders is not for every scrape.
const FILES_TTL: Duration = Duration::from_secs(15);
const RECEIVER_EVERY: Duration = Duration::from_secs(30);

pub(crate) fn collectors() -> Vec<&'static Collector> {
    vec![&logs::LOGS, &files::FILES, &heartbeat::HEARTBEATS, &receiver::RECEIVER]
}

pub(crate) fn sources(settings: &Settings, checks: &Checks) -> Result<Vec<SourceSpec>, ConfigError> {
    let mut specs = Vec::new();
    let systems: Arc<[_]> = checks.systems.clone().into();
    if settings.enabled(&logs::LOGS) && systems.iter().any(|system| !system.logs.is_empty()) {
        // Outside the constructor, so that counters survive a source that is made anew.
        let counters = logs::Shared::new(&systems);
        specs.push(
            SourceSpec::new([&logs::LOGS], move || Ok(BoxedSource::blocking(logs::Logs(counters.clone()))))
                .background(LOGS_EVERY),
        );
    }
    let has_files = |system: &crate::config::checks::System| {
        !system.files.is_empty() || !system.certificates.is_empty() || !system.objectives.is_empty()
    };
    if settings.enabled(&files::FILES) && systems.iter().any(has_files) {
        let systems = systems.clone();
        let make = move || Ok(BoxedSource::blocking(files::FileChecks::new(systems.clone())));
        specs.push(SourceSpec::new([&files::FILES], make).ttl(FILES_TTL));
    }
    if settings.enabled(&heartbeat::HEARTBEATS) && systems.iter().any(|system| !system.heartbeats.is_empty())
    {
        let beats = Arc::new(heartbeat::Heartbeats::new(&systems, checks.heartbeat.as_ref())?);
        let shown = beats.clone();
        let mut spec = SourceSpec::new([&heartbeat::HEARTBEATS], move || {
            Ok(BoxedSource::blocking(heartbeat::Shown(shown.clone())))
        });
        // Without a token only who is on this machine may report.
        if beats.needs_token() {
            spec = spec.with_route(receiver::route(beats.clone()));
        }
        specs.push(spec);
        if let Some(server) = checks.heartbeat.as_ref().filter(|server| !server.listen.is_empty()) {
            let listen = server.listen.clone();
            let make = move || Ok(BoxedSource::new(receiver::Receiver::new(listen.clone(), beats.clone())));
            specs.push(SourceSpec::new([&receiver::RECEIVER], make).background(RECEIVER_EVERY));
        }
    }
    Ok(specs)
}

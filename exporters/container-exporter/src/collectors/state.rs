//! What the engine knows about containers, running or not.

use exporter_core::{LabelSet, LabelValue, Sink};

use super::families::*;
use super::{Found, Subject, with};
use crate::cache::EXIT_REASONS;
use crate::model::{HealthStatus, State};

/// Fills the collectors that rest on what the engine says.
pub(crate) fn fill(sink: &mut Sink, found: &Found<'_>) {
    sink.collector(&STATE, |sink| {
        let subjects = found.subjects.iter().filter(|subject| !subject.is_host);
        let all: Vec<_> = subjects.map(|subject| (subject, sink.labels(subject.labels))).collect();
        facts(sink, &all);
        states(sink, &all);
        lives(sink, &all);
        for expected in found.expected {
            let runs = all
                .iter()
                .any(|(subject, _)| subject.container.state == State::Running && is(subject, expected));
            sink.put(&EXPECTED, [expected], runs);
        }
        Ok(())
    });
    sink.collector(&LAYERS, |sink| {
        for subject in found.subjects {
            if let Some(bytes) = subject.container.layer_bytes {
                let set = sink.labels(subject.labels);
                sink.put_set(&FS_USAGE, set, bytes);
            }
        }
        Ok(())
    });
}

/// By name, or by what compose calls the service: its containers have a number behind that.
fn is(subject: &Subject<'_>, expected: &str) -> bool {
    const SERVICES: [&str; 2] =
        ["container_label_com_docker_compose_service", "container_label_io_podman_compose_service"];
    let service = subject.container.labels.iter().find(|(name, _)| SERVICES.contains(&name.as_str()));
    subject.container.name == expected || service.is_some_and(|(_, service)| service == expected)
}

fn facts(sink: &mut Sink, all: &[(&Subject<'_>, LabelSet)]) {
    for (subject, set) in all {
        let container = subject.container;
        let more: [(_, &dyn LabelValue); 4] = [
            ("image_id", &container.image_id),
            ("runtime", &if container.podman { "podman" } else { "docker" }),
            ("restart_policy", &container.restart_policy),
            ("network_mode", &container.network_mode),
        ];
        let set = with(sink, *set, more);
        sink.put_set(&INFO_FAMILY, set, 1_u64);
    }
    for (subject, set) in all {
        if let Some(outdated) = subject.container.outdated {
            sink.put_set(&IMAGE_OUTDATED, *set, outdated);
        }
    }
}

fn states(sink: &mut Sink, all: &[(&Subject<'_>, LabelSet)]) {
    for (subject, set) in all {
        sink.put_set(&RUNNING, *set, subject.container.state == State::Running);
    }
    for (subject, set) in all {
        for (state, name) in State::ALL {
            let set = with(sink, *set, [("state", &name)]);
            sink.put_set(&STATE_FAMILY, set, subject.container.state == state);
        }
    }
    // A stopped container has no health, whatever its last check said.
    let checked = || {
        let alive = all.iter().filter(|(subject, _)| subject.container.state.is_alive());
        alive.filter_map(|(subject, set)| Some((subject.container.health?, *set)))
    };
    for (health, set) in checked() {
        for (status, name) in HealthStatus::ALL {
            let set = with(sink, set, [("status", &name)]);
            sink.put_set(&HEALTH_STATUS, set, health.status == status);
        }
    }
    for (health, set) in checked() {
        sink.put_set(&FAILING_STREAK, set, health.failing_streak);
    }
}

fn lives(sink: &mut Sink, all: &[(&Subject<'_>, LabelSet)]) {
    for (subject, set) in all {
        sink.put_set(&RESTARTS, *set, subject.container.restarts);
    }
    for (subject, set) in all {
        sink.put_set(&STARTS, *set, subject.counts.starts);
    }
    for (subject, set) in all {
        for (reason, count) in EXIT_REASONS.iter().zip(subject.counts.exits) {
            let set = with(sink, *set, [("reason", reason)]);
            sink.put_set(&EXITS, set, count);
        }
    }
    let ended = || all.iter().filter(|(subject, _)| subject.container.finished > 0.0);
    for (subject, set) in ended() {
        sink.put_set(&EXIT_CODE, *set, subject.container.exit_code);
    }
    for (subject, set) in ended() {
        sink.put_set(&FINISHED, *set, subject.container.finished.floor());
    }
    for (subject, set) in all {
        sink.put_set(&OOM_KILLED, *set, subject.container.oom_killed);
    }
}

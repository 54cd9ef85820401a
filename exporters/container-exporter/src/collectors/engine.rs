//! Engines, and what bringing their news costs.

use exporter_core::Sink;
use std::sync::Arc;
use std::time::Duration;

use super::families::*;
use crate::cache::EngineState;
use crate::model::{Action, Container, State};

/// Fills the collector; `containers` come with the address of their engine.
pub(crate) fn fill<'a>(
    sink: &mut Sink,
    engines: &[(Arc<str>, EngineState)],
    containers: impl Iterator<Item = (&'a Arc<str>, &'a Container)> + Clone,
    dropped: u64,
    took: Duration,
) {
    sink.collector(&ENGINE, |sink| {
        for (endpoint, state) in engines {
            let endpoint = &**endpoint;
            sink.put(&DOCKER_UP, [&endpoint], state.is_up());
            sink.put(&RECONNECTS, [&endpoint], state.reconnects);
            if let Some(confirmed) = state.confirmed {
                sink.put(&CACHE_AGE, [&endpoint], confirmed.elapsed().as_secs_f64());
            }
            for (action, count) in Action::NAMES.iter().zip(state.events) {
                sink.put(&DOCKER_EVENTS, [&endpoint, action], count);
            }
            if let Some(engine) = &state.engine {
                let labels: [&dyn exporter_core::LabelValue; 5] = [
                    &endpoint,
                    &engine.version,
                    &engine.storage_driver,
                    &engine.cgroup_driver,
                    &engine.cgroup_version,
                ];
                sink.put(&DOCKER_INFO, labels, 1_u64);
                sink.put(&DOCKER_IMAGES, [&endpoint], engine.images);
                sink.put(&DOCKER_IMAGES_BYTES, [&endpoint], engine.images_bytes);
            }
            for (state, name) in State::ALL {
                let own = containers.clone().filter(|(own, one)| ***own == *endpoint && one.state == state);
                sink.put(&DOCKER_CONTAINERS, [&endpoint, &name], own.count());
            }
            let Some(disk) = &state.disk else { continue };
            sink.put(&DOCKER_LAYERS_BYTES, [&endpoint], disk.layers_bytes);
            sink.put(&DOCKER_VOLUMES, [&endpoint], disk.volumes);
            sink.put(&DOCKER_VOLUMES_BYTES, [&endpoint], disk.volumes_bytes);
            sink.put(&DOCKER_BUILD_CACHE_BYTES, [&endpoint], disk.build_cache_bytes);
            for (image, bytes) in &disk.images {
                sink.put(&DOCKER_IMAGE_BYTES, [&endpoint, image], *bytes);
            }
        }
        sink.put(&DROPPED, [], dropped);
        sink.put(&COLLECT_SECONDS, [], took.as_secs_f64());
        Ok(())
    });
}

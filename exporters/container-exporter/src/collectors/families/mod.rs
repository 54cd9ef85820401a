//! The declarations of all families, by collector. Names and types are the peer's where it has the family.

mod devices;
mod state;
mod usage;

pub(crate) use devices::*;
pub(crate) use state::*;
pub(crate) use usage::*;

use crate::labels::DEFAULT;

/// What every container's series carry: the last ones only where the container has that label, and more with
/// --container-labels.
pub(super) const BASE: [&str; 9] = [
    "id",
    "image",
    "name",
    "container_label_com_docker_compose_project",
    "container_label_com_docker_compose_service",
    "container_label_com_docker_compose_project_working_dir",
    "container_label_com_docker_compose_container_number",
    "container_label_org_label_schema_group",
    "container_label_io_podman_compose_project",
];
const _: () = assert!(BASE.len() == 3 + DEFAULT.len());

const fn with<const N: usize, const M: usize>(extra: [&'static str; M]) -> [&'static str; N] {
    let mut all = [""; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < BASE.len() { BASE[at] } else { extra[at - BASE.len()] };
        at += 1;
    }
    all
}

pub(super) const INTERFACE: [&str; 10] = with(["interface"]);
pub(super) const DEVICE: [&str; 10] = with(["device"]);
pub(super) const CPUS: [&str; 10] = with(["cpu"]);
pub(super) const IN_STATE: [&str; 10] = with(["state"]);
pub(super) const STATUS: [&str; 10] = with(["status"]);
pub(super) const REASON: [&str; 10] = with(["reason"]);
pub(super) const FAILURE: [&str; 11] = with(["failure_type", "scope"]);
pub(super) const OPERATION: [&str; 13] = with(["device", "major", "minor", "operation"]);
pub(super) const INFO: [&str; 13] = with(["image_id", "runtime", "restart_policy", "network_mode"]);

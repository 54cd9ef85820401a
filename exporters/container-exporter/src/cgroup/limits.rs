//! What a cgroup may use.

use super::files::{Gone, Reader};
use super::layout::{Layout, Tree, Version};
use super::parse::cpu_max;
use super::usage::Limits;
use crate::text::{limit, single};

/// Version 1 writes "none" as the largest multiple of a page.
const NO_LIMIT: u64 = 1 << 62;

/// Reads all limits of the cgroup at this path.
pub(super) fn limits(layout: &Layout, path: &str, reader: &mut Reader) -> Result<Limits, Gone> {
    let mut read = |tree, file: &str, parse: fn(&[u8]) -> Option<u64>| -> Result<Option<u64>, Gone> {
        let found = reader.read(&layout.directory(tree, path).join(file))?;
        Ok(found.and_then(parse))
    };
    // Nothing instead of 0 for a quota: its ratio to the period is what is used of it.
    let quota: fn(&[u8]) -> Option<u64> = |text| limit(text).ok().flatten();
    let bytes: fn(&[u8]) -> Option<u64> =
        |text| limit(text).ok().map(|limit| limit.filter(|bytes| *bytes < NO_LIMIT).unwrap_or(0));
    Ok(match layout.version {
        Version::One => Limits {
            cpu_quota: read(Tree::Cpu, "cpu.cfs_quota_us", quota)?,
            cpu_period: read(Tree::Cpu, "cpu.cfs_period_us", quota)?,
            cpu_shares: read(Tree::Cpu, "cpu.shares", quota)?,
            memory: read(Tree::Memory, "memory.limit_in_bytes", bytes)?,
            swap: read(Tree::Memory, "memory.memsw.limit_in_bytes", bytes)?,
            reservation: read(Tree::Memory, "memory.soft_limit_in_bytes", bytes)?,
            threads: read(Tree::Pids, "pids.max", bytes)?,
        },
        Version::Two => Limits {
            cpu_quota: read(Tree::Unified, "cpu.max", |text| cpu_max(text).ok()?.0)?,
            cpu_period: read(Tree::Unified, "cpu.max", |text| Some(cpu_max(text).ok()?.1))?,
            cpu_shares: read(Tree::Unified, "cpu.weight", |text| single(text).ok().map(shares))?,
            memory: read(Tree::Unified, "memory.max", bytes)?,
            swap: read(Tree::Unified, "memory.swap.max", bytes)?,
            // Engines write a reservation to `low`.
            reservation: read(Tree::Unified, "memory.low", bytes)?,
            threads: read(Tree::Unified, "pids.max", bytes)?,
        },
    })
}

/// The weight of version 2 (1 to 10,000) on the scale of version 1 (2 to 262,144), as engines convert the other way.
fn shares(weight: u64) -> u64 {
    2 + weight.saturating_sub(1) * 262_142 / 9999
}

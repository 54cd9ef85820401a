//! What the files of NFS's client and server have in common: lines of a name and numbers, methods by number.

use crate::text::{Malformed, fields, integer, lines};

/// A line of counts by method.
pub(super) struct Proc {
    line: &'static [u8],
    proto: &'static str,
    /// In the order of the numbers; none are empty names.
    methods: &'static [&'static str],
}

/// The lines of all versions. Only the fourth differs: client and server number its operations in their own ways.
pub(super) const fn procs(v4_line: &'static [u8], v4: &'static [&'static str]) -> [Proc; 3] {
    [
        Proc { line: b"proc2", proto: "2", methods: V2 },
        Proc { line: b"proc3", proto: "3", methods: V3 },
        Proc { line: v4_line, proto: "4", methods: v4 },
    ]
}

const V2: &[&str] = &[
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create",
    "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];
const V3: &[&str] = &[
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// The first numbers of a line after its name.
pub(super) fn numbers<const N: usize>(line: &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut parts = fields(line).skip(1);
    for number in &mut numbers {
        *number = parts.next().and_then(integer)?;
    }
    Some(numbers)
}

/// Calls `each` with protocol, method and count. A line's first number says how many follow.
pub(super) fn procedures(
    text: &[u8],
    procs: &[Proc],
    mut each: impl FnMut(&str, &str, u64),
) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("a number for each method");
    for line in lines(text) {
        let mut parts = fields(line);
        let name = parts.next().unwrap_or_default();
        let Some(proc) = procs.iter().find(|proc| proc.line == name) else { continue };
        for (method, count) in proc.methods.iter().zip(parts.skip(1)) {
            let count = integer(count).ok_or(MISSING)?;
            if !method.is_empty() {
                each(proc.proto, method, count);
            }
        }
    }
    Ok(())
}

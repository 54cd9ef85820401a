//! Software RAID, from `/proc/mdstat` and the arrays' directories in `/sys/block`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;
use crate::text::{Malformed, integer, lines};

pub(crate) static MDADM: Collector = Collector {
    name: "mdadm",
    enabled: true,
    families: &[
        STATE.desc(),
        DISKS.desc(),
        REQUIRED.desc(),
        BLOCKS.desc(),
        SYNCED.desc(),
        RAID_DISKS.desc(),
        DEGRADED.desc(),
    ],
    dynamic: &[],
};

static STATE: Family<2> =
    Family::gauge("node_md_state", "Whether the array is in this state.", &["device", "state"]);
static DISKS: Family<2> =
    Family::gauge("node_md_disks", "Disks of the array by state.", &["device", "state"]);
static REQUIRED: Family<1> =
    Family::gauge("node_md_disks_required", "Disks that the array needs.", &["device"]);
static BLOCKS: Family<1> = Family::gauge("node_md_blocks", "Blocks of 1024 bytes.", &["device"]);
static SYNCED: Family<1> = Family::gauge("node_md_blocks_synced", "Blocks that are in sync.", &["device"]);
static RAID_DISKS: Family<1> =
    Family::gauge("node_md_raid_disks", "Disks that the array was made for.", &["device"]);
static DEGRADED: Family<1> = Family::gauge("node_md_degraded", "Disks that the array lacks.", &["device"]);

/// Of the array, and how it stands as a label value.
const STATES: [(Activity, &str); 5] = [
    (Activity::Active, "active"),
    (Activity::Inactive, "inactive"),
    (Activity::Recovering, "recovering"),
    (Activity::Resyncing, "resync"),
    (Activity::Checking, "check"),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mdstat = context.proc("mdstat");
    let block = context.sys("block");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let arrays = match reader.parse(&mdstat, parse) {
            Err(error) if error.is_absent() => return Err(CollectError::no_data("no software RAID")),
            result => result?,
        };
        for array in &arrays {
            for (activity, state) in STATES {
                sink.put(&STATE, [&array.name, &state], array.activity == activity);
            }
        }
        for array in &arrays {
            for (state, disks) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)]
            {
                sink.put(&DISKS, [&array.name, &state], disks);
            }
        }
        for array in &arrays {
            sink.put(&REQUIRED, [&array.name], array.required);
        }
        for array in &arrays {
            sink.put(&BLOCKS, [&array.name], array.blocks);
        }
        for array in &arrays {
            sink.put(&SYNCED, [&array.name], array.synced);
        }
        let names: Vec<String> =
            names_or_none(&block).into_iter().filter(|name| name.starts_with("md")).collect();
        for (family, file) in [(&RAID_DISKS, "md/raid_disks"), (&DEGRADED, "md/degraded")] {
            for name in &names {
                if let Some(disks) = reader.integer(&block.join(name).join(file)) {
                    sink.put(family, [name], disks);
                }
            }
        }
        Ok(())
    }))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Activity {
    Active,
    Inactive,
    Recovering,
    Resyncing,
    Checking,
    Reshaping,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Array {
    name: String,
    activity: Activity,
    active: u64,
    required: u64,
    failed: u64,
    spare: u64,
    blocks: u64,
    synced: u64,
}

/// Blocks of lines: `md0 : active raid1 …` and, indented, what there is to say about it.
fn parse(text: &[u8]) -> Result<Vec<Array>, Malformed> {
    const MISSING: Malformed = Malformed::new("arrays like `md0 : active raid1 sda1[0]` with their blocks");
    let text = std::str::from_utf8(text).map_err(|_| MISSING)?;
    if !text.starts_with("Personalities") {
        return Err(Malformed::new("the line of personalities"));
    }
    let mut arrays: Vec<(Array, bool)> = Vec::new();
    for line in lines(text.as_bytes()) {
        let line = std::str::from_utf8(line).map_err(|_| MISSING)?;
        if line.starts_with(char::is_whitespace) {
            if let Some((array, sized)) = arrays.last_mut() {
                detail(line.trim(), array, sized).ok_or(MISSING)?;
            }
        } else if let Some((name, rest)) = line.split_once(" : ") {
            if name.trim_end() == "Personalities" || name.starts_with("unused") {
                continue;
            }
            arrays.push((array(name, rest).ok_or(MISSING)?, false));
        }
    }
    if arrays.iter().any(|(_, sized)| !sized) {
        return Err(MISSING);
    }
    Ok(arrays.into_iter().map(|(array, _)| array).collect())
}

fn array(name: &str, rest: &str) -> Option<Array> {
    let activity = match rest.split_whitespace().next()? {
        "active" => Activity::Active,
        "inactive" => Activity::Inactive,
        _ => return None,
    };
    let count = |mark| rest.matches(mark).count() as u64;
    // Without redundancy every disk is active and needed, and the next line does not say how many there are.
    let plain = rest.split_whitespace().any(|word| matches!(word, "raid0" | "linear"));
    let disks = if plain { count("[") } else { 0 };
    Some(Array {
        name: name.trim().to_owned(),
        activity,
        active: disks,
        required: disks,
        failed: count("(F)"),
        spare: count("(S)"),
        blocks: 0,
        synced: 0,
    })
}

/// An indented line: `1024 blocks … [2/1] [U_]`, or how far a sync has come.
fn detail(line: &str, array: &mut Array, sized: &mut bool) -> Option<()> {
    if let Some((blocks, rest)) = line.split_once(" blocks") {
        if !*sized {
            array.blocks = blocks.parse().ok()?;
            array.synced = array.blocks;
            *sized = true;
            if array.required == 0 && array.activity == Activity::Active {
                let pair = rest.split_whitespace().filter_map(disks).next_back();
                (array.required, array.active) = pair?;
            }
        }
        return Some(());
    }
    let activities = [
        ("recovery", Activity::Recovering),
        ("reshape", Activity::Reshaping),
        ("resync", Activity::Resyncing),
        ("check", Activity::Checking),
    ];
    if let Some((_, activity)) = activities.iter().find(|(word, _)| line.contains(word)) {
        array.activity = *activity;
        array.synced = if line.contains("PENDING") || line.contains("DELAYED") {
            0
        } else {
            let progress = line.split_once('(')?.1.split_once('/')?.0;
            progress.parse().ok()?
        };
    }
    Some(())
}

/// `[2/1]`: needed and active.
fn disks(word: &str) -> Option<(u64, u64)> {
    let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
    Some((integer(required.as_bytes())?, integer(active.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Personalities : [raid1] [raid6] [raid0]\n\
        md0 : active raid1 sdb1[1] sda1[0](F) sdc1[2](S)\n      1024 blocks super 1.2 [2/1] [_U]\n      \n\
        md1 : active raid6 sda[0] sdb[1] sdc[2]\n      300 blocks level 6, 64k chunk, algorithm 2 [3/2] [UU_]\n      \
        [==>...]  recovery = 12.6% (37/300) finish=127.5min speed=33440K/sec\n\n\
        md2 : active raid0 sdd1[0] sde1[1]\n      50 blocks super 1.2 256k chunks\n      \n\
        md3 : inactive sdf[2](S)\n      7 blocks super external:imsm\n       \n\
        md4 : active raid1 sda2[0] sdb2[1]\n      9 blocks [2/2] [UU]\n        resync=PENDING\n\n\
        unused devices: <none>\n";

    #[test]
    fn arrays_of_all_kinds() {
        let arrays = parse(TEXT.as_bytes()).unwrap();
        let brief: Vec<_> = arrays
            .iter()
            .map(|a| {
                (a.name.as_str(), a.activity, a.active, a.required, a.failed, a.spare, a.blocks, a.synced)
            })
            .collect();
        assert_eq!(
            brief,
            [
                ("md0", Activity::Active, 1, 2, 1, 1, 1024, 1024),
                ("md1", Activity::Recovering, 2, 3, 0, 0, 300, 37),
                ("md2", Activity::Active, 2, 2, 0, 0, 50, 50),
                ("md3", Activity::Inactive, 0, 0, 0, 1, 7, 7),
                ("md4", Activity::Resyncing, 2, 2, 0, 0, 9, 0),
            ]
        );
    }

    #[test]
    fn no_arrays_and_garbage() {
        assert_eq!(parse(b"Personalities : \nunused devices: <none>\n"), Ok(vec![]));
        for bad in [
            "",
            "md0 : active raid1 sda[0]\n",
            "Personalities : \nmd0 : active raid1 sda[0]\n",
            "Personalities : \nmd0 : x\n",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

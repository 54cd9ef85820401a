//! The fuzz target's check as an ordinary test: its seeds, and damage to every file by a fixed rule.

#[path = "../../fuzz/checks.rs"]
mod checks;

use checks::Host;
use std::path::Path;

#[test]
fn whatever_must_hold_for_any_content_holds_for_the_seeds() {
    let mut host = Host::new();
    let files = host.files();
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut count = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let entry = entry.unwrap();
        // `proc+stat#huge` is content for `proc/stat`.
        let name = entry.file_name().into_string().unwrap();
        let file = name.split('#').next().unwrap().replace('+', "/");
        let number = files.iter().position(|own| *own == file).unwrap_or_else(|| panic!("no fixture {file}"));
        host.any_content(number, &std::fs::read(entry.path()).unwrap());
        count += 1;
    }
    assert!(count > 20, "{count} seeds");
}

#[test]
fn whatever_must_hold_for_any_content_holds_for_damaged_files() {
    let mut host = Host::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        // xorshift: the same damage in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below.max(1) as u64) as usize
    };
    const PIECES: [&[u8]; 8] = [b"\n", b" ", b":", b"-1", b"18446744073709551616", b"\0", b"\xff", b"nan"];
    for (number, file) in host.files().into_iter().enumerate() {
        // Attributes of sysfs are one value; a few of them stand for all.
        if file.starts_with("sys/") && number % 16 != 0 {
            continue;
        }
        let whole = std::fs::read(root.join(&file)).unwrap();
        for _ in 0..3 {
            let mut damaged = whole.clone();
            for _ in 0..=next(4) {
                let (from, piece) = (next(damaged.len()), PIECES[next(PIECES.len())]);
                let to = (from + next(8)).min(damaged.len());
                damaged.splice(from..to, piece.iter().copied());
            }
            host.any_content(number, &damaged);
        }
    }
}

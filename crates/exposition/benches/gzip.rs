//! Compressing a page, beside zlib-rs: `cargo bench -p exposition --bench gzip`. Hot, the best of many runs; cold, the
//! mean with other work's memory touched between two, as it is between two scrapes.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its figures and may stop")]

use std::path::Path;
use std::time::{Duration, Instant};

use exposition::Gzip;
use flate2::{Compress, Compression, FlushCompress};

const RUNS: usize = 400;
/// More than the caches of a core.
const OTHERS: usize = 4 << 20;

fn main() {
    let exporters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../exporters");
    for page in [
        "node-exporter/tests/golden/page.txt",
        "redis-exporter/tests/golden/redis-server-8.txt",
        "postgres-exporter/tests/golden/postgres-18.txt",
        "container-exporter/tests/golden/version2.txt",
    ] {
        let mut number = 1_u64;
        let text = std::fs::read_to_string(exporters.join(page)).unwrap();
        let text: String = text
            .split('…')
            .map(|piece| {
                number = number.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
                format!("{piece}{}", number >> 44)
            })
            .collect();
        let text = if page.starts_with("container") { fleet(&text) } else { text };
        println!("{page}, {} bytes", text.len());
        let mut gzip = Gzip::new();
        measure("ours", text.as_bytes(), |text, out| gzip.compress(text, out));
        for (name, window) in [("zlib-rs level 1, window 4 KB", 12), ("zlib-rs level 1, window 32 KB", 15)] {
            let mut zlib = Compress::new_gzip(Compression::new(1), window);
            measure(name, text.as_bytes(), |text, out| {
                zlib.reset();
                out.reserve(text.len());
                zlib.compress_vec(text, out, FlushCompress::Finish).unwrap();
            });
        }
    }
}

/// The page of one container as that of two hundred, whose ids are too far apart to be repeated.
fn fleet(text: &str) -> String {
    let (_, rest) = text.split_once("id=\"/system.slice/docker-").unwrap();
    let (id, _) = rest.split_once('.').unwrap();
    let one = |line: &str| match line.contains(id) {
        true => (0..200_u64).map(|number| line.replace(id, &digits(number))).collect(),
        false => line.to_owned(),
    };
    text.split_inclusive('\n').map(one).collect()
}

fn digits(number: u64) -> String {
    let mut state = number;
    let word = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    });
    word.take(8).collect()
}

fn measure(name: &str, text: &[u8], mut compress: impl FnMut(&[u8], &mut Vec<u8>)) {
    let mut others = vec![0_u8; OTHERS];
    let (mut hot, mut cold, mut out) = (Duration::MAX, Duration::ZERO, Vec::new());
    for run in 0..RUNS {
        let is_cold = run % 2 == 0;
        if is_cold {
            others.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
        }
        out.clear();
        let start = Instant::now();
        compress(text, &mut out);
        let took = start.elapsed();
        if is_cold { cold += took } else { hot = hot.min(took) }
    }
    let cold = cold.as_secs_f64() * 2e6 / RUNS as f64;
    println!("  {name:30} hot {:6.1} us, cold {cold:6.1} us, {} bytes", hot.as_secs_f64() * 1e6, out.len());
}

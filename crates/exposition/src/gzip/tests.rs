use super::*;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::io::Read as _;

fn round_trip(gzip: &mut Gzip, text: &[u8]) -> usize {
    let mut packed = Vec::new();
    gzip.compress(text, &mut packed);
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == text, "{} bytes became {}", text.len(), unpacked.len());
    packed.len()
}

#[test]
fn the_codes_are_complete() {
    for lengths in [&lengths::LITERALS[..], &lengths::DISTANCES[..]] {
        // No symbol without a code, no code without a symbol.
        assert!(lengths.iter().all(|length| (1..=15).contains(length)));
        assert_eq!(lengths.iter().map(|length| 1_u32 << (15 - length)).sum::<u32>(), 1 << 15);
    }
}

#[test]
fn every_length_and_distance() {
    let mut gzip = Gzip::new();
    // Noise, so that nothing but the repetition is found.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(40_000)
    .collect();
    for length in (1..300).chain([515, 516, 517, 20_000]) {
        round_trip(&mut gzip, &[&noise[..length], &noise[..length], b"\n"].concat());
    }
    for distance in (300..2_000).step_by(7).chain([4_096, 8_193, 32_767, 32_768, 32_769, 39_000]) {
        round_trip(&mut gzip, &[&noise[..distance], &noise[..300]].concat());
    }
}

#[test]
fn a_page_becomes_a_sixth() {
    let mut gzip = Gzip::new();
    let mut page = String::new();
    for cpu in 0..64 {
        for mode in ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"] {
            let value = cpu * 7_919 + mode.len() * 104_729;
            page.push_str(&format!("node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}} {value}.37\n"));
        }
    }
    let packed = round_trip(&mut gzip, page.as_bytes());
    assert!(packed * 6 < page.len(), "{packed} of {}", page.len());
}

#[test]
fn positions_start_again_at_zero() {
    let mut gzip = Gzip::new();
    gzip.matches.start_at(u32::MAX - 50);
    for _ in 0..3 {
        round_trip(&mut gzip, &b"node_load1 0.5\nnode_load5 0.5\nnode_load15 0.5\n".repeat(2));
    }
}

proptest! {
    #[test]
    fn any_texts_come_back(texts in prop::collection::vec("([a-c]{1,9}|[ -~]{0,20}|\\PC{0,5}){0,200}", 1..4)) {
        let mut gzip = Gzip::new();
        for text in texts {
            round_trip(&mut gzip, text.as_bytes());
        }
    }

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        round_trip(&mut Gzip::new(), &bytes);
    }
}

/// A family with its head, so many samples, and a name that others share the beginning of.
fn family(number: usize, samples: usize) -> String {
    let name = format!("node_{}_{number}_total", ["cpu", "disk", "network"][number % 3]);
    let mut text = format!("# HELP {name} Number of {name} since boot.\n# TYPE {name} counter\n");
    for sample in 0..samples {
        text.push_str(&format!("{name}{{device=\"sd{sample}\"}} {}\n", number * 7_919 + sample * 31));
    }
    text
}

proptest! {
    /// Heads are known from page to page, where they come in another order, are left out, come twice, or are so far
    /// from what they repeat that they cannot.
    #[test]
    fn pages_of_known_heads_come_back(
        pages in prop::collection::vec(prop::collection::vec((0_usize..30, prop_oneof![4 => 0_usize..4, 1 => Just(1500)]), 0..25), 2..6)
    ) {
        let mut gzip = Gzip::new();
        for page in pages {
            let text: String = page.into_iter().map(|(number, samples)| family(number, samples)).collect();
            round_trip(&mut gzip, text.as_bytes());
        }
    }
}

/// The same page, compressed while it is written, in as little scratch space as promised.
fn written(gzip: &mut Gzip, families: &[String]) {
    let (mut scratch, mut packed) = (Vec::new(), b"before".to_vec());
    let mut page = gzip.page(&mut scratch, &mut packed);
    let mut most = 0;
    for family in families {
        for lines in family.split_inclusive('\n').collect::<Vec<_>>().chunks(70) {
            page.text().extend_from_slice(lines.concat().as_bytes());
            most = most.max(page.text().len());
            page.settled();
        }
    }
    page.end();
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[6..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == families.concat().as_bytes(), "{} bytes", unpacked.len());
    assert!(most <= CHUNK + FARTHEST + 70 * 100, "{most} bytes");
}

proptest! {
    #[test]
    fn pages_come_back_that_are_compressed_while_they_are_written(
        pages in prop::collection::vec(prop::collection::vec((0_usize..30, prop_oneof![6 => 0_usize..4, 1 => 0_usize..2000]), 0..15), 1..4)
    ) {
        let mut gzip = Gzip::new();
        for page in pages {
            let families: Vec<String> = page.into_iter().map(|(number, samples)| family(number, samples)).collect();
            written(&mut gzip, &families);
            round_trip(&mut gzip, families.concat().as_bytes());
        }
    }
}

#[test]
fn identifiers_cost_their_digits_only() {
    let mut state = 1_u64;
    let mut digits = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:08x}", state >> 32)
    };
    let ids: Vec<String> = (0..3_000).map(|_| (0..8).map(|_| digits()).collect()).collect();
    let line = |id: &String| {
        format!(
            "container_memory_rss{{id=\"/docker/{id}\",image=\"shop:1\",project=\"shop\",service=\"web\"}} 7\n"
        )
    };
    let page: String = ids.iter().map(line).collect();
    let packed = round_trip(&mut Gzip::new(), page.as_bytes());
    // 64 digits of seven bits, and what is repeated around them.
    assert!(packed < 62 * ids.len(), "{packed} bytes, {} a line", packed / ids.len());
}

#[test]
fn heads_beyond_what_is_kept_come_back() {
    let mut gzip = Gzip::new();
    let many: String = (0..6_000).map(|number| family(number, 1)).collect();
    let long = format!("# HELP x {}\nx 1\n# no end", "word ".repeat(20_000));
    for text in [many.as_str(), &long, &many[..100_000], "#", "#\n#\n", "\n#", &many] {
        round_trip(&mut gzip, text.as_bytes());
    }
}

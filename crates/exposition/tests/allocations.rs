//! Filling and writing pages again and again takes no memory: one test in its own process, counting its own thread's
//! allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use exposition::{Assembly, Dynamic, Family, Format, Kind, Options, Page};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static BYTES: Family<5> = Family::counter("bytes_total", "Bytes.", &["a", "b", "c", "d", "e"]);
static PACKETS: Family<2> = Family::gauge("packets", "Packets.", &["a", "b"]);
static WAIT: Family<1> = Family::new(Kind::Histogram, "wait_seconds", "Wait.", &["op"]);
static SIZE: Family<1> = Family::new(Kind::Summary, "size_bytes", "Size.", &["op"]);
static FIELD: Dynamic<1> = Dynamic::new(Kind::Untyped, "field_", "Field {}.", &["op"]);

/// Families in turn, names of the moment, label values that fall and that are escaped.
fn fill(page: &mut Page, scrape: u64) {
    for at in 0..2_000_u64 {
        let device = (2_000 - at) * 7_919 % 2_000;
        page.put(&BYTES, [&at, &"read", &"quoted \"x\"\n", &true, &-1_i64], at * scrape);
        page.put(&PACKETS, [&device, &"grüße"], 1.5 * scrape as f64);
    }
    for name in 0..700_u32 {
        let name = [b'a' + (name % 26) as u8, b'a' + (name / 26) as u8];
        page.put_dynamic(&FIELD, &name, [&"x"], scrape);
    }
    for op in ["read", "write"] {
        page.histogram(&WAIT, [&op], [(0.1, scrape), (1.0, scrape)], scrape, 1e-7);
        page.summary(&SIZE, [&op], [(0.5, 1e9), (0.99, f64::NAN)], scrape, 12.5);
    }
}

#[test]
fn none_in_the_steady_state() {
    let (mut staged, mut page, mut other) = (Page::new(), Page::new(), Page::new());
    let (mut assembly, mut out) = (Assembly::new(), Vec::new());
    let mut scrape = |number: u64| {
        staged.clear();
        page.clear();
        other.clear();
        fill(&mut staged, number);
        page.append(&staged);
        other.put(&PACKETS, [&9_999_u32, &"second page"], number);
        for format in [Format::Text, Format::OpenMetrics] {
            out.clear();
            let written = assembly.write(&[&page, &other], &Options::new(format), &mut out);
            assert_eq!((written.samples, written.dropped.len()), (4_719, 0));
        }
    };
    // Values grow, and the page with them: the first scrapes get the memory for that.
    for number in 1_000..1_010 {
        scrape(number);
    }
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the counter counts nothing");
    for number in 1_010..1_110 {
        scrape(number);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in 100 scrapes");
}

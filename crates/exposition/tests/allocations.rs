//! A page that is filled and written again and again stops allocating.

use exposition::{Assembly, Dynamic, Family, Format, Kind, Options, Page};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static BYTES: Family<2> = Family::counter("bytes_total", "Bytes.", &["device", "direction"]);
static WAIT: Family<1> = Family::new(Kind::Histogram, "wait_seconds", "Wait.", &["op"]);
static FIELD: Dynamic<0> = Dynamic::new(Kind::Gauge, "mem_", "Field {}.", &[]).suffix("_bytes");

fn round(page: &mut Page, assembly: &mut Assembly, format: Format, out: &mut Vec<u8>) {
    page.clear();
    for device in 0..5_000_u32 {
        page.put(&BYTES, [&device, &"rx"], 1.5e9 + f64::from(device));
        page.put(&BYTES, [&device, &"tx\n\"quoted\""], device);
    }
    page.histogram(&WAIT, [&"read"], [(0.1, 2), (1.0, 3)], 4, 2.5);
    page.put_dynamic(&FIELD, b"Free", [], 4096_u32);
    out.clear();
    assembly.write(&[page], &Options::new(format), out);
}

#[test]
fn none_in_the_steady_state() {
    for format in [Format::Text, Format::OpenMetrics] {
        let (mut page, mut assembly, mut out) = (Page::new(), Assembly::new(), Vec::new());
        for _ in 0..3 {
            round(&mut page, &mut assembly, format, &mut out);
        }
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        for _ in 0..10 {
            round(&mut page, &mut assembly, format, &mut out);
        }
        assert_eq!(ALLOCATIONS.load(Ordering::SeqCst) - before, 0, "{format:?}");
    }
}

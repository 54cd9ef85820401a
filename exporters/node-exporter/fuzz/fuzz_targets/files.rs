//! Any bytes in any file of the host under `fixtures`: the first two say which file, the others are its content.
#![no_main]

#[path = "../checks.rs"]
mod checks;

use std::cell::RefCell;

thread_local! {
    static HOST: RefCell<checks::Host> = RefCell::new(checks::Host::new());
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [high, low, content @ ..] = input else { return };
    HOST.with_borrow_mut(|host| host.any_content(u16::from_be_bytes([*high, *low]).into(), content));
});

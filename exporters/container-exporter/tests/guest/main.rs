//! What runs inside the containers of the tests: one static program, which is also their `/bin/sh`.

use std::io::Write;
use std::time::{Duration, Instant};

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // A health check comes as `/bin/sh -c "words"`.
    if words.first().is_some_and(|word| word == "-c") {
        words = words.get(1).map(|line| line.split(' ').map(str::to_owned).collect()).unwrap_or_default();
    }
    for group in words.split(|word| word == "then") {
        let argument = group.get(1).map_or("", String::as_str);
        let number = argument.parse::<u64>().unwrap_or(0);
        match group.first().map(String::as_str) {
            Some("sleep") => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            Some("pause") => std::thread::sleep(Duration::from_millis(number)),
            Some("burn") => burn(Duration::from_millis(number)),
            Some("hold") => std::mem::forget(filled(number as usize)),
            Some("oom") => loop {
                std::mem::forget(filled(1 << 20));
            },
            Some("write") => write(number as usize),
            Some("send") => send(number),
            Some("touch") => drop(std::fs::write(argument, "")),
            Some("absent") => std::process::exit(i32::from(std::path::Path::new(argument).exists())),
            Some("exit") => std::process::exit(number as i32),
            other => panic!("unknown word {other:?}"),
        }
    }
}

fn filled(bytes: usize) -> Vec<u8> {
    vec![1; bytes]
}

fn burn(time: Duration) {
    let end = Instant::now() + time;
    let mut number = 1_u64;
    while time.is_zero() || Instant::now() < end {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

/// Past the page cache, so that the device sees it.
fn write(bytes: usize) {
    let mut file = std::fs::File::create("/written").expect("a file");
    file.write_all(&filled(bytes)).expect("room");
    file.sync_all().expect("a disk");
}

/// Datagrams of 1,000 bytes to the gateway, where nobody takes them.
fn send(count: u64) {
    let text = std::fs::read_to_string("/proc/net/route").expect("routes");
    let gateway = text.lines().skip(1).map(|line| line.split('\t').nth(2).expect("a gateway"));
    let gateway = gateway.map(|hex| u32::from_str_radix(hex, 16).expect("hex")).find(|address| *address != 0);
    let address = std::net::Ipv4Addr::from(gateway.expect("a default route").to_le_bytes());
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    for _ in 0..count {
        // Refused ones are sent all the same.
        let _ = socket.send_to(&[0; 1000], (address, 9));
    }
}

//! What scrapes cost: round trips to the server, counted in between, and memory.

use exporter_testkit::Result;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::support::{Exporter, Server};

/// Passes connections on, and counts how often clients speak after the server has spoken.
struct Between {
    port: u16,
    turns: Arc<AtomicU32>,
}

impl Between {
    fn start(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (port, turns) = (listener.local_addr()?.port(), Arc::new(AtomicU32::new(0)));
        let counted = turns.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(std::io::Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { return };
                let answered = Arc::new(AtomicBool::new(true));
                let (from, to) = (client.try_clone(), server.try_clone());
                let (Ok(from), Ok(to)) = (from, to) else { return };
                let (turns, spoke) = (counted.clone(), answered.clone());
                std::thread::spawn(move || {
                    pass(from, to, || {
                        turns.fetch_add(spoke.swap(false, Ordering::SeqCst).into(), Ordering::SeqCst)
                    })
                });
                std::thread::spawn(move || pass(server, client, || answered.swap(true, Ordering::SeqCst)));
            }
        });
        Ok(Self { port, turns })
    }
}

fn pass<T>(mut from: TcpStream, mut to: TcpStream, mut each: impl FnMut() -> T) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        each();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn four_round_trips_a_database() -> Result {
    let server = Server::start(16, &[])?.with_bed()?;
    let between = Between::start(server.address())?;
    let dsn = format!("postgresql://watcher@127.0.0.1:{}/shop?sslmode=disable", between.port);
    for (args, databases) in [(&[][..], 1), (&["--auto-discover-databases"], 2)] {
        let exporter = Exporter::start(&dsn, args)?;
        exporter.page()?;
        // The second knows the statements; it asks for what has no time to live.
        between.turns.store(0, Ordering::SeqCst);
        let page = exporter.page()?;
        let turns = between.turns.load(Ordering::SeqCst);
        assert_eq!(page.value("pg_exporter_connections"), Some(f64::from(databases)));
        assert!((1..=4 * databases).contains(&turns), "{turns} round trips, {databases} databases");
    }
    Ok(())
}

/// Each collector's buffers have the size that it needs, also after many scrapes.
#[test]
fn memory_stays() -> Result {
    let server = Server::start(16, &[])?.with_bed()?;
    server.sql(
        "shop",
        "DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format('CREATE TABLE t%s (a int)', n); END LOOP; END $$",
    )?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    let after = |scrapes: u32| -> Result<u64> {
        for _ in 0..scrapes {
            exporter.page()?;
        }
        exporter.resident()
    };
    let (early, late) = (after(20)?, after(150)?);
    assert!(late < early + 1500, "{early} kB, then {late} kB");
    Ok(())
}

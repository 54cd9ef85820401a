//! Answers that are none, and servers that send us away.

use exporter_testkit::Result;
use std::net::TcpListener;

use crate::faults::{BUDGET, assert_down};
use crate::support::{Ours, REDIS_8, Redis, run};

/// What no server says, and what a broken one might.
#[test]
fn answers_that_make_no_sense() -> Result {
    for (answer, hangs, cause) in [
        (&b"$99999999999\r\nx"[..], true, "protocol: the answers are longer than 64 MiB"),
        (b"*99999999999\r\n", true, "protocol: the answers are longer than 64 MiB"),
        (b"%1\r\n+a\r\n:1\r\n", true, "protocol: what answers does not speak the Redis protocol"),
        (b"+OK\r\n$3\r\nabc\r\n+OK\r\n", true, "protocol: more answers than questions"),
        (b"+OK\r\n$3000\r\nabc", true, "timeout: no answer in time while reading"),
        (b"+OK\r\n$3000\r\nabc", false, "io: the server closed the connection"),
        (b"", false, "io: the server closed the connection"),
    ] {
        let other = TcpListener::bind("127.0.0.1:0")?;
        let address = other.local_addr()?.to_string();
        let thread = std::thread::spawn(move || -> std::io::Result<()> {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = other.accept()?;
            let mut question = [0; 4096];
            let _ = stream.read(&mut question)?;
            stream.write_all(answer)?;
            // Until the other side has enough of it.
            while hangs && stream.read(&mut question)? > 0 {}
            Ok(())
        });
        let ours = Ours::new(&[("redis.addr", &address)]);
        let page = ours.page_within(BUDGET);
        assert_eq!(page.value("redis_up"), Some(0.0), "{cause}");
        assert_eq!(page.error(), cause, "{}", answer.escape_ascii());
        assert!(page.took < BUDGET, "{cause}: {:?}", page.took);
        drop(ours);
        // Answers that were not read make an end of another kind, which is as good.
        let _ = thread.join();
    }
    Ok(())
}

#[test]
fn a_server_that_takes_nobody_says_so() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    let mut held = server.client();
    run(&mut held, "CONFIG SET maxclients 1").unwrap();
    assert_down(&Ours::of(&server), "protocol: ERR max number of clients reached");
    run(&mut held, "CONFIG SET maxclients 100").unwrap();
    assert_eq!(Ours::of(&server).page().value("redis_up"), Some(1.0));
    Ok(())
}

//! What can be wrong with a server, each with a real one: the page comes in time, and says what it is.

use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, http, ports, wait};
use rustix::process::Signal;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::support::{Ours, REDIS_7, REDIS_8, Redis, WITH_OLD, certificates, run};

pub(crate) const BUDGET: Duration = Duration::from_millis(800);

pub(crate) fn assert_down(ours: &Ours, cause: &str) {
    let page = ours.page_within(BUDGET);
    assert_eq!(page.value("redis_up"), Some(0.0), "{cause}: {}", page.text);
    assert!(page.error().starts_with(cause), "{cause}: {:?}", page.error());
    assert_eq!(page.value("redis_target_scrape_request_errors_total"), Some(1.0));
    assert!(page.took < BUDGET, "{cause}: {:?}", page.took);
}

#[test]
fn nobody_listens() {
    let port = ports::free().unwrap();
    assert_down(&Ours::new(&[("redis.addr", &port.address())]), "refused: connection refused");
}

#[test]
fn somebody_listens_and_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    assert_down(&Ours::new(&[("redis.addr", &address)]), "timeout: ");
    // TLS to a plain port, too.
    assert_down(&Ours::new(&[("redis.addr", &format!("rediss://{address}"))]), "timeout: ");
}

#[test]
fn a_name_without_address() {
    assert_down(&Ours::new(&[("redis.addr", "redis://no-such-host.invalid")]), "dns: ");
}

#[test]
fn somebody_else_listens() -> Result {
    let other = TcpListener::bind("127.0.0.1:0")?;
    let address = other.local_addr()?.to_string();
    let thread = std::thread::spawn(move || {
        use std::io::Write as _;
        for _ in 0..2 {
            if let Ok((mut stream, _)) = other.accept() {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        }
    });
    let page = Ours::new(&[("redis.addr", &address)]).page_within(BUDGET);
    assert_eq!(page.value("redis_up"), Some(0.0));
    assert!(page.error().starts_with("protocol: ") || page.error().starts_with("io: "), "{}", page.error());
    let _ = std::net::TcpStream::connect(&address);
    let _ = thread.join();
    Ok(())
}

#[test]
fn passwords() -> Result {
    for program in WITH_OLD {
        let server = Redis::start(program, &["--requirepass", "right"])?;
        let address = server.address();
        assert_down(&Ours::new(&[("redis.addr", &address)]), "auth: NOAUTH");
        let wrong = Ours::new(&[("redis.addr", &address), ("redis.password", "hunter2")]);
        assert_down(&wrong, "auth: ");
        assert!(!wrong.page().text.contains("hunter2"));
        let right = Ours::new(&[("redis.addr", &address), ("redis.password", "right")]);
        assert_eq!(right.page().value("redis_up"), Some(1.0));
    }
    Ok(())
}

/// The README's minimal user gets everything of a default scrape and causes no error.
#[test]
fn the_minimal_user() -> Result {
    const RIGHTS: &str = "ACL SETUSER mon on >pw resetkeys -@all +info +config|get +latency|latest +latency|histogram \
                          +slowlog|len +slowlog|get +client|setname +ping +cluster|info";
    for program in WITH_OLD {
        let server = Redis::start(program, &[])?;
        server.run(RIGHTS).unwrap();
        let flags =
            [("redis.addr", server.address()), ("redis.user", "mon".into()), ("redis.password", "pw".into())];
        let flags = flags.each_ref().map(|(name, value)| (*name, value.as_str()));
        let ours = Ours::new(&flags);
        ours.page();
        let page = ours.page();
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), String::new()), "{program}");
        for collector in ["server", "latency", "slowlog"] {
            assert_eq!(page.success(collector), Some(1.0), "{program} {collector}");
        }
        assert_eq!(page.value("redis_total_error_replies"), Some(0.0), "{program}");
        assert_eq!(page.value("redis_config_maxclients"), Some(10000.0));
    }
    Ok(())
}

/// One command that is refused costs its own series, and is not sent again and again.
#[test]
fn a_user_without_some_rights() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    server
        .run("ACL SETUSER mon on >pw resetkeys -@all +info +slowlog|len +slowlog|get +latency|histogram")
        .unwrap();
    let flags =
        [("redis.addr", server.address()), ("redis.user", "mon".into()), ("redis.password", "pw".into())];
    let ours = Ours::new(&flags.each_ref().map(|(name, value)| (*name, value.as_str())));
    let first = ours.page();
    assert_eq!(first.value("redis_up"), Some(1.0), "{}", first.text);
    assert_eq!(first.success("latency"), Some(0.0));
    assert_eq!(first.success("slowlog"), Some(1.0));
    assert_eq!(first.value("redis_slowlog_length"), Some(0.0));
    assert_eq!(first.value("redis_config_maxclients"), None);
    let denied = |page: &crate::support::Page| page.value("redis_acl_access_denied_cmd_total").unwrap();
    let second = ours.page();
    for _ in 0..5 {
        ours.page();
    }
    assert_eq!(denied(&ours.page()), denied(&second), "refused commands are sent again");
    Ok(())
}

#[test]
fn a_user_without_info() -> Result {
    let server = Redis::start(REDIS_7, &[])?;
    server.run("ACL SETUSER mon on >pw -@all +slowlog|len +slowlog|get +config|get").unwrap();
    let flags =
        [("redis.addr", server.address()), ("redis.user", "mon".into()), ("redis.password", "pw".into())];
    let page = Ours::new(&flags.each_ref().map(|(name, value)| (*name, value.as_str()))).page();
    assert_eq!(page.value("redis_up"), Some(1.0), "it is up: {}", page.text);
    assert!(page.error().starts_with("acl: "), "{}", page.error());
    assert_eq!(page.success("server"), Some(0.0));
    assert_eq!(page.value("redis_config_maxclients"), Some(10000.0), "the rest is there");
    Ok(())
}

#[test]
fn stopped_continued_and_restarted() -> Result {
    let mut server = Redis::start(REDIS_7, &[])?;
    let ours = Ours::of(&server);
    assert_eq!(ours.page().value("redis_up"), Some(1.0));
    server.process.signal(Signal::STOP)?;
    for _ in 0..2 {
        let page = ours.page_within(BUDGET);
        assert_eq!(page.value("redis_up"), Some(0.0));
        assert!(page.error().starts_with("timeout: "), "{}", page.error());
        assert!(page.took < BUDGET, "{:?}", page.took);
    }
    server.process.signal(Signal::CONT)?;
    assert_eq!(ours.page().value("redis_up"), Some(1.0));
    // The kept connection is dead, a new one is made within the same scrape.
    server.restart()?;
    let page = ours.page();
    assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), String::new()));
    server.process.stop()?;
    let page = ours.page_within(BUDGET);
    assert_eq!((page.value("redis_up"), page.error().split(':').next()), (Some(0.0), Some("refused")));
    Ok(())
}

#[test]
fn a_command_that_blocks_everything() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    let ours = Ours::of(&server);
    assert_eq!(ours.page().value("redis_up"), Some(1.0));
    let address = server.address();
    let sleeper = std::thread::spawn(move || {
        let mut client = redis::Client::open(address).unwrap().get_connection().unwrap();
        run(&mut client, "DEBUG SLEEP 3")
    });
    let seen = wait::until("a scrape that gives up", wait::LONG, || {
        let page = ours.page_within(Duration::from_millis(500));
        if page.value("redis_up") == Some(0.0) { Ok(page) } else { Err(Error::new("still up")) }
    })?;
    assert!(seen.error().starts_with("timeout: "), "{}", seen.error());
    sleeper.join().unwrap().unwrap();
    assert_eq!(ours.page().value("redis_up"), Some(1.0));
    Ok(())
}

/// A server that reads its data answers INFO: it is up, and the page says what it does.
#[test]
fn loading() -> Result {
    let mut server = Redis::start(
        REDIS_7,
        &["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"],
    )?;
    server.run("DEBUG POPULATE 20000").unwrap();
    server.run("SAVE").unwrap();
    server.process.signal(Signal::KILL)?;
    server.process.wait_exit(wait::LONG)?;
    server.restart()?;
    let ours = Ours::of(&server);
    let page = ours.page();
    assert_eq!(page.value("redis_loading_dump_file"), Some(1.0), "{}", page.text);
    assert_eq!(page.value("redis_up"), Some(1.0));
    assert!(page.error().starts_with("loading: "), "{}", page.error());
    Ok(())
}

/// A server that hangs costs some seconds, not the whole scrape, whatever the scrape would grant.
#[test]
fn a_server_that_hangs_is_given_up_long_before_a_usual_scrape_is() -> Result {
    let server = Redis::start(REDIS_7, &[])?;
    let ours = Ours::of(&server);
    ours.page();
    server.process.signal(Signal::STOP)?;
    for connection in ["kept", "new"] {
        let page = ours.page();
        assert_eq!(page.value("redis_up"), Some(0.0));
        assert!(page.took < Duration::from_secs(5), "{connection}: {:?}", page.took);
    }
    server.process.signal(Signal::CONT)
}

#[test]
fn what_goes_wrong_is_told_once_and_when_it_is_over() -> Result {
    let mut server = Redis::start(REDIS_7, &[])?;
    let port = ports::free()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-exporter"));
    command.arg(format!("--redis.addr=redis://u:hunter2@{}", server.port.address()));
    command.arg("--redis.user=default").arg(format!("--web.listen-address={}", port.address()));
    server.run("ACL SETUSER u on >hunter2 +@all ~*").unwrap();
    let mut program = Process::spawn(&mut command)?;
    let url = format!("http://{}/metrics", port.address());
    program.wait_http(&url, wait::LONG)?;
    let told = |program: &Process| program.stderr().matches("does not answer as it should").count();
    server.process.stop()?;
    for _ in 0..3 {
        http::get(&url, &[])?.expect_status(200)?;
    }
    let line = program.wait_stderr_line("does not answer as it should", wait::LONG)?;
    assert!(line.contains("level=warn") && line.contains("refused"), "{line}");
    // The user is gone with the process: another cause, another line.
    server.restart()?;
    for _ in 0..3 {
        http::get(&url, &[])?.expect_status(200)?;
    }
    program.wait_stderr_line("auth: ", wait::LONG)?;
    assert_eq!(told(&program), 2, "{}", program.stderr());
    server.run("ACL SETUSER u on >hunter2 +@all ~*").unwrap();
    http::get(&url, &[])?.expect_status(200)?;
    program.wait_stderr_line("the server answers again", wait::LONG)?;
    assert!(!program.stderr().contains("hunter2"));
    Ok(())
}

/// Commands that do something without an argument, or change what the connection is.
const NOT_TRIED: &[&str] = &[
    "asking",
    "auth",
    "bgrewriteaof",
    "bgsave",
    "discard",
    "exec",
    "failover",
    "flushall",
    "flushdb",
    "hello",
    "monitor",
    "multi",
    "pfselftest",
    "psubscribe",
    "psync",
    "punsubscribe",
    "quit",
    "readonly",
    "readwrite",
    "reset",
    "save",
    "shutdown",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "sync",
    "unsubscribe",
];

/// Two hundred commands in the statistics, and as many databases as make it long.
#[test]
fn an_info_of_megabytes() -> Result {
    const DATABASES: usize = 60_000;
    let server = Redis::start(REDIS_7, &["--databases", &DATABASES.to_string()])?;
    let mut client = server.client();
    let names: Vec<String> = redis::cmd("COMMAND").arg("LIST").query(&mut client).unwrap();
    for name in names.iter().filter(|name| !NOT_TRIED.contains(&name.as_str())) {
        // Refused for want of arguments, mostly, which is in the statistics too.
        let _ = redis::cmd(name).query::<redis::Value>(&mut client);
    }
    for first in (0..DATABASES).step_by(1000) {
        let mut pipe = redis::pipe();
        for number in first..first + 1000 {
            pipe.cmd("SELECT").arg(number).ignore().cmd("SET").arg("k").arg(1).ignore();
        }
        pipe.exec(&mut client).unwrap();
    }
    let info: String = redis::cmd("INFO").arg("ALL").query(&mut client).unwrap();
    assert!(info.len() > 2_000_000, "{}", info.len());
    let ours = Ours::of(&server);
    let page = ours.page();
    assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), String::new()));
    let count = |name: &str| page.text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(count("redis_db_keys{"), DATABASES);
    assert!(count("redis_commands_rejected_calls_total{") >= 200);
    // Far within what Prometheus waits, in a build without optimisation, too.
    assert!(page.took < Duration::from_secs(8), "{:?}", page.took);
    Ok(())
}

#[test]
fn tls() -> Result {
    let dir = certificates()?;
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (certificate, key, authority) = (file("server.crt"), file("server.key"), file("ca.crt"));
    let args = [
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "optional",
    ];
    let server = Redis::start(REDIS_8, &args)?;
    let address = format!("rediss://localhost:{}", server.port);
    let with = |flags: &[(&str, &str)]| Ours::new(&[&[("redis.addr", address.as_str())], flags].concat());
    let page = with(&[("tls-ca-cert-file", &authority)]).page();
    assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), String::new()));
    let mutual = with(&[
        ("tls-ca-cert-file", &authority),
        ("tls-client-cert-file", &certificate),
        ("tls-client-key-file", &key),
    ]);
    assert_eq!(mutual.page().value("redis_up"), Some(1.0));
    assert_eq!(with(&[("skip-tls-verification", "true")]).page().value("redis_up"), Some(1.0));
    assert_down(&with(&[("tls-ca-cert-file", &file("other.crt"))]), "tls: ");
    assert_down(&with(&[("tls-ca-cert-file", &authority), ("tls-server-name", "elsewhere")]), "tls: ");
    Ok(())
}

/// Two scrapes at once share one run; the peer's second one waits twice as long.
#[test]
fn the_program_takes_the_peers_command_line() -> Result {
    let server = Redis::start(REDIS_7, &[])?;
    let port = ports::free()?;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_redis-exporter"));
    command.env("REDIS_ADDR", server.address()).env("REDIS_EXPORTER_INCL_CONFIG_METRICS", "true");
    command.args([&format!("-web.listen-address={}", port.address()), "-set-client-name=false", "-debug"]);
    let mut program = Process::spawn(&mut command)?;
    let page = program.wait_http(&format!("http://{}/metrics", port.address()), wait::LONG)?.text();
    assert!(page.contains("\nredis_up 1\n") && page.contains("redis_config_value{key=\"hz\"}"), "{page}");
    assert!(!page.contains("requirepass"), "{page}");
    Ok(())
}

//! Queues of all kinds, Celery's with a real worker.

use exporter_testkit::fixture::{self, TempDir};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, tools, wait};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::support::{Ours, REDIS_7, Redis, VALKEY, run};

#[test]
fn lists_sets_and_their_frameworks() -> Result {
    let server = Redis::start(REDIS_7, &[])?;
    let mut client = server.client();
    for command in [
        "LPUSH task_queue a b c",
        "LPUSH rq:queue:default a",
        "ZADD bull:mail:delayed 1 a 2 b",
        "LPUSH bull:mail:wait a",
        "LPUSH queue:critical a b",
    ] {
        run(&mut client, command).unwrap();
    }
    // A list flag is given once a value.
    let address = server.address();
    let flags = ["list:task_queue", "rq:default", "bullmq:mail", "sidekiq:critical", "zset:none"]
        .map(|q| ("queue", q));
    let page = Ours::new(&[&[("redis.addr", address.as_str())][..], &flags].concat()).page();
    let length = |queue: &str, backend: &str, state: &str| {
        let labels = format!("db=\"db0\",queue=\"{queue}\",backend=\"{backend}\",state=\"{state}\"");
        page.value(&format!("redis_queue_length{{{labels}}}"))
    };
    assert_eq!(length("task_queue", "list", "waiting"), Some(3.0), "{}", page.text);
    assert_eq!(length("default", "rq", "waiting"), Some(1.0));
    assert_eq!(
        (length("mail", "bullmq", "delayed"), length("mail", "bullmq", "waiting")),
        (Some(2.0), Some(1.0))
    );
    assert_eq!(
        (length("critical", "sidekiq", "waiting"), length("none", "zset", "waiting")),
        (Some(2.0), Some(0.0))
    );
    Ok(())
}

#[test]
fn heartbeats_from_wherever_they_are() -> Result {
    let server = Redis::start(VALKEY, &[])?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let mut client = server.client();
    for command in [
        "SET beat:north 1795211639".to_owned(),
        "SET beat:south 2026-11-20T21:53:59Z".to_owned(),
        "HSET agent:east last_seen 1795211639500".to_owned(),
        "ZADD agents 1795211639 west".to_owned(),
        "SET alive:up x EX 50".to_owned(),
    ] {
        run(&mut client, &command).unwrap();
    }
    let address = server.address();
    let rules = ["string:beat:*", "hash/last_seen:agent:*", "zset:agents", "ttl/60:alive:*"]
        .map(|r| ("heartbeat", r));
    let page = Ours::new(&[&[("redis.addr", address.as_str())][..], &rules].concat()).page();
    let last = |agent: &str| page.value(&format!("agent_last_heartbeat_timestamp{{agent_name=\"{agent}\"}}"));
    for (agent, expected) in [
        ("north", 1_795_211_639.0),
        ("south", 1_795_211_639.0),
        ("east", 1_795_211_639.5),
        ("west", 1_795_211_639.0),
    ] {
        assert_eq!(last(agent), Some(expected), "{agent}: {}", page.text);
    }
    let up = last("up").unwrap();
    assert!((now - 15.0..=now + 30.0).contains(&up), "{up} at {now}");
    Ok(())
}

const APP: &str = r#"
import os, time
from celery import Celery
app = Celery("tasks", broker=os.environ["BROKER"])
app.conf.broker_transport_options = {"queue_order_strategy": "priority"}
app.conf.worker_prefetch_multiplier = 1
app.conf.task_acks_late = True

@app.task(name="nap")
def nap(seconds):
    time.sleep(seconds)
"#;

struct Celery {
    dir: TempDir,
    broker: String,
}

impl Celery {
    fn new(server: &Redis) -> Result<Self> {
        Ok(Self { dir: fixture::tree(&[("app.py", APP)])?, broker: format!("{}/1", server.address()) })
    }

    fn python(&self, args: &[&str]) -> Command {
        let mut command = Command::new("python3");
        let path = tools::workspace_root().join("target/tools/python");
        assert!(path.join("done").exists(), "Celery is missing: run `cargo xtask setup`");
        command.env("PYTHONPATH", path).env("BROKER", &self.broker).args(args).current_dir(self.dir.path());
        command
    }
}

#[test]
fn a_real_celery() -> Result {
    let server = Redis::start(REDIS_7, &[])?;
    let celery = Celery::new(&server)?;
    let address = server.address();
    let ours = Ours::new(&[
        ("redis.addr", &address),
        ("celery.db", "1"),
        ("celery.queues", "celery,absent"),
        ("celery.discover", "true"),
        ("celery.workers", "true"),
    ]);
    ours.page();
    let send = "from app import nap\nfor p in range(10):\n    nap.apply_async((0.05,), priority=p)\nnap.apply_async((0.05,), queue='mail')";
    exporter_testkit::process::run(&mut celery.python(&["-c", send]), wait::LONG)?;
    let page = ours.page();
    let length = |queue: &str| page.value(&format!("celery_queue_length{{queue_name=\"{queue}\"}}"));
    assert_eq!(
        (length("celery"), length("mail"), length("absent")),
        (Some(10.0), Some(1.0), Some(0.0)),
        "{}",
        page.text
    );
    let step = |priority: &str| {
        page.value(&format!("celery_queue_priority_length{{queue_name=\"celery\",priority=\"{priority}\"}}"))
    };
    assert_eq!((step("0"), step("3"), step("6"), step("9")), (Some(3.0), Some(3.0), Some(3.0), Some(1.0)));
    assert_eq!(page.value("celery_broker_up"), Some(1.0));

    let mut worker = Process::spawn(&mut celery.python(&[
        "-m",
        "celery",
        "-A",
        "app",
        "worker",
        "--pool=solo",
        "--hostname=celery@testhost",
        "--without-mingle",
        "--without-gossip",
        "--loglevel=info",
        "-Q",
        "celery,mail",
    ]))?;
    let up = "celery_worker_up{hostname=\"testhost\"}";
    worker.wait_stderr_line("ready.", wait::LONG)?;
    wait::until("the worker to be seen", Duration::from_secs(10), || {
        let value = ours.page().value(up);
        if value == Some(1.0) { Ok(()) } else { Err(Error::new(format!("{value:?}"))) }
    })?;
    worker.until("the worker and an empty queue", wait::LONG, || {
        let page = ours.page();
        let state = (
            page.value(up),
            page.value("celery_queue_length{queue_name=\"celery\"}"),
            page.value("celery_worker_processed_tasks_total{hostname=\"testhost\"}"),
        );
        if state == (Some(1.0), Some(0.0), Some(11.0)) {
            Ok(())
        } else {
            Err(Error::new(format!("{state:?}")))
        }
    })?;
    // Killed, so that it cannot say goodbye.
    worker.signal(rustix::process::Signal::KILL)?;
    let killed = std::time::Instant::now();
    wait::until("the worker to be missed", wait::LONG, || {
        let value = ours.page().value(up);
        if value == Some(0.0) { Ok(()) } else { Err(Error::new(format!("{value:?}"))) }
    })?;
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    Ok(())
}

/// A way to a server on which everything may be lost at once, with nobody being told.
struct Wire {
    address: String,
    cut: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
}

impl Wire {
    fn to(server: &Redis) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let wire =
            Self { address: listener.local_addr()?.to_string(), cut: Arc::default(), opened: Arc::default() };
        let (server, opened, cut) = (server.port.address(), wire.opened.clone(), wire.cut.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(std::result::Result::ok) {
                opened.fetch_add(1, Ordering::SeqCst);
                let Ok(far) = TcpStream::connect(&server) else { return };
                // What is cut later is cut for those who are there.
                let own = Arc::new(AtomicBool::new(false));
                let (a, b) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                for (from, to) in [(near, far), (b, a)] {
                    let (cut, own) = (cut.clone(), own.clone());
                    std::thread::spawn(move || carry(from, to, &cut, &own));
                }
            }
        });
        Ok(wire)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool, own: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        own.fetch_or(cut.load(Ordering::SeqCst), Ordering::SeqCst);
        if !own.load(Ordering::SeqCst) && to.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}

/// The broker's machine loses its power and comes back: nobody closes the connection, and who only listens never writes.
#[test]
fn workers_are_heard_again_when_the_connection_was_lost_in_silence() -> Result {
    let server = Redis::start(VALKEY, &[])?;
    let wire = Wire::to(&server)?;
    let ours = Ours::new(&[
        ("redis.addr", &wire.address),
        ("celery.workers", "true"),
        ("celery.worker-silence", "500ms"),
    ]);
    let mut client = server.client();
    let beat = r#"{"body":"{\"type\":\"worker-heartbeat\",\"hostname\":\"celery@north\",\"active\":1}","properties":{}}"#;
    let mut hear = |expected: f64| {
        wait::until("the worker's state", wait::LONG, || {
            let publish =
                redis::cmd("PUBLISH").arg("/0.celeryev/worker.heartbeat").arg(beat).exec(&mut client);
            publish.map_err(|error| Error::new(error.to_string()))?;
            let value = ours.page().value("celery_worker_up{hostname=\"north\"}");
            if value == Some(expected) { Ok(()) } else { Err(Error::new(format!("{value:?}"))) }
        })
    };
    hear(1.0)?;
    wire.cut.store(true, Ordering::SeqCst);
    hear(0.0)?;
    wire.cut.store(false, Ordering::SeqCst);
    hear(1.0)?;
    assert!(wire.opened.load(Ordering::SeqCst) >= 3);
    Ok(())
}

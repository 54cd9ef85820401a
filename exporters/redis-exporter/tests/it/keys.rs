//! Keys, streams and searches, beside the peer where it has the same.

use exporter_testkit::{Error, Result, wait};
use std::time::Duration;

use crate::support::{ALL, Ours, Page, REDIS_7, REDIS_8, Redis, VALKEY, run};

fn fill(server: &Redis) {
    let mut client = server.client();
    for command in [
        "SET number 42.5",
        "SET text hello",
        "RPUSH queue:a 1 2 3",
        "RPUSH queue:b 1",
        "SADD queue:c x y",
        "PFADD sketch a b c d",
        "XADD stream 1-1 f v",
        "XADD stream 2-1 f v",
        "XGROUP CREATE stream g 0",
        "XREADGROUP GROUP g consumer COUNT 1 STREAMS stream >",
        "SELECT 3",
        "HSET h f 1 g 2",
        "ZADD z 1 a",
    ] {
        run(&mut client, command).unwrap();
    }
}

fn size(page: &Page, db: &str, key: &str) -> Option<f64> {
    page.value(&format!("redis_key_size{{db=\"{db}\",key=\"{key}\"}}"))
}

fn with(server: &Redis, flags: &[(&str, &str)]) -> Ours {
    let address = server.address();
    Ours::new(&[&[("redis.addr", address.as_str())], flags].concat())
}

#[test]
fn sizes_values_and_counts() -> Result {
    for program in ALL {
        let server = Redis::start(program, &[])?;
        fill(&server);
        let ours = with(
            &server,
            &[
                ("check-keys", "queue:*,db3=*"),
                ("check-single-keys", "number,text,sketch,absent,queue:a"),
                ("count-keys", "db0=queue:*,db3=*"),
            ],
        );
        let page = ours.page();
        for (db, key, expected) in [
            ("db0", "queue:a", 3.0),
            ("db0", "queue:b", 1.0),
            ("db0", "queue:c", 2.0),
            ("db0", "sketch", 4.0),
            ("db0", "absent", 0.0),
            ("db3", "h", 2.0),
            ("db3", "z", 1.0),
        ] {
            assert_eq!(size(&page, db, key), Some(expected), "{program}: {db} {key}\n{}", page.text);
        }
        assert_eq!(page.value("redis_key_value{db=\"db0\",key=\"number\"}"), Some(42.5));
        assert_eq!(page.value("redis_key_value_as_string{db=\"db0\",key=\"text\",val=\"hello\"}"), Some(1.0));
        assert_eq!(page.value("redis_keys_count{db=\"db0\",key=\"queue:*\"}"), Some(3.0));
        assert_eq!(page.value("redis_keys_count{db=\"db3\",key=\"*\"}"), Some(2.0));
        assert_eq!(page.success("keys"), Some(1.0));
    }
    Ok(())
}

/// What looking at keys costs the watched: hits that are counted and can be taken off, and nothing else.
#[test]
fn looking_at_keys_leaves_only_counted_hits() -> Result {
    for program in ALL {
        let server = Redis::start(program, &["--maxmemory-policy", "allkeys-lru"])?;
        fill(&server);
        let ours = with(
            &server,
            &[
                ("check-keys", "*"),
                ("check-single-keys", "absent,number"),
                ("check-keys-ages", "true"),
                ("check-single-streams", "stream,absent"),
                ("queue", "list:queue:a"),
                ("queue", "bullmq:none"),
                ("celery.queues", "queue:b"),
                ("heartbeat", "string:number"),
                ("heartbeat", "ttl/60:absent"),
            ],
        );
        let quiet = with(&server, &[]);
        let counts = |page: &Page| {
            let value = |name| page.value(name).unwrap();
            (value("redis_keyspace_hits_total"), value("redis_keyspace_misses_total"))
        };
        let before = counts(&quiet.page());
        for _ in 0..20 {
            ours.page();
        }
        let own = ours.page();
        let own = ["hits", "misses"]
            .map(|kind| own.value(&format!("redis_exporter_own_keyspace_{kind}_total")).unwrap());
        let quiet = quiet.page();
        let after = counts(&quiet);
        assert_eq!((after.0 - before.0, after.1 - before.1), (own[0], own[1]), "{program}");
        assert!(own[0] > 21.0, "{program}: {own:?}");
        assert_eq!(quiet.value("redis_total_error_replies"), Some(0.0), "{program}");
        if program != REDIS_7 {
            let mut client = server.client();
            run(&mut client, "GET text").unwrap();
            std::thread::sleep(Duration::from_millis(2100));
            ours.page();
            let idle = run(&mut client, "OBJECT IDLETIME text").unwrap();
            assert!(matches!(idle, redis::Value::Int(2..)), "{program}: {idle:?}");
        }
    }
    Ok(())
}

#[test]
fn how_long_keys_live_and_are_not_used() -> Result {
    for program in ALL {
        let server = Redis::start(program, &[])?;
        let mut client = server.client();
        for command in ["SET stays 1", "SET goes 1 PX 50000", "RPUSH queue 1"] {
            run(&mut client, command).unwrap();
        }
        let ours = with(
            &server,
            &[("check-keys", "q*"), ("check-single-keys", "stays,goes,absent"), ("check-keys-ages", "true")],
        );
        let of = |page: &Page, what: &str, key: &str| {
            page.value(&format!("redis_key_{what}_seconds{{db=\"db0\",key=\"{key}\"}}"))
        };
        let page = wait::until("a key that is idle", wait::LONG, || {
            let page = ours.page();
            let idle = of(&page, "idle", "queue");
            let done = if program == REDIS_7 { idle.is_none() } else { idle >= Some(2.0) };
            if done { Ok(page) } else { Err(Error::new(format!("{program}: {idle:?}"))) }
        })?;
        let left = of(&page, "ttl", "goes").unwrap();
        assert!((1.0..=50.0).contains(&left), "{left}");
        for absent in ["stays", "absent"] {
            assert_eq!(of(&page, "ttl", absent), None, "{program}: {absent}");
        }
        assert_eq!(of(&page, "idle", "absent"), None);
        // Where it is not kept, it is asked for once.
        run(&mut client, "CONFIG SET maxmemory-policy allkeys-lfu").unwrap();
        for _ in 0..5 {
            ours.page();
        }
        let errors = ours.page().value("redis_total_error_replies").unwrap();
        assert!(errors <= 4.0, "{program}: {errors}");
        assert_eq!(of(&ours.page(), "idle", "queue"), None);
    }
    Ok(())
}

#[test]
fn streams_groups_and_consumers() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    fill(&server);
    let page = with(&server, &[("check-streams", "str*")]).page();
    let stream = |name: &str| page.value(&format!("redis_stream_{name}{{db=\"db0\",stream=\"stream\"}}"));
    assert_eq!(
        (stream("length"), stream("groups"), stream("last_entry_id")),
        (Some(2.0), Some(1.0), Some(2.0))
    );
    let group = |name: &str| {
        page.value(&format!("redis_stream_group_{name}{{db=\"db0\",stream=\"stream\",group=\"g\"}}"))
    };
    assert_eq!(
        (group("messages_pending"), group("lag"), group("consumers")),
        (Some(1.0), Some(1.0), Some(1.0))
    );
    assert!(page.text.contains("redis_stream_group_consumer_idle_seconds{db=\"db0\",stream=\"stream\",group=\"g\",consumer=\"consumer\"}"));
    let page =
        with(&server, &[("check-single-streams", "stream"), ("streams-exclude-consumer-metrics", "true")])
            .page();
    assert!(
        page.text.contains("redis_stream_length{") && !page.text.contains("redis_stream_group_consumer_")
    );
    Ok(())
}

/// A million keys: no scrape waits for the search, and it comes to its end.
#[test]
fn a_million_keys() -> Result {
    let server = Redis::start(VALKEY, &[])?;
    server.run("DEBUG POPULATE 1000000 k").unwrap();
    let ours = with(
        &server,
        &[("count-keys", "k:*,nothing:*"), ("scan-budget", "50ms"), ("check-single-keys", "k:7")],
    );
    let mut scrapes = 0;
    let page = loop {
        let page = ours.page();
        scrapes += 1;
        // Four budgets and what one step takes on a busy machine.
        assert!(page.took < Duration::from_secs(2), "{:?}", page.took);
        assert!(size(&page, "db0", "k:7").is_some(), "what is known by name does not wait for a search");
        if page.value("redis_keys_count{db=\"db0\",key=\"k:*\"}").is_some() {
            break page;
        }
        assert!(scrapes < 500);
    };
    assert_eq!(page.value("redis_keys_count{db=\"db0\",key=\"k:*\"}"), Some(1_000_000.0));
    assert_eq!(page.value("redis_keys_count{db=\"db0\",key=\"nothing:*\"}"), Some(0.0));
    assert!(scrapes > 1, "the budget was not kept");
    Ok(())
}

/// The connection for keys is replaced within the scrape that finds it dead.
#[test]
fn keys_of_a_server_that_was_restarted() -> Result {
    let mut server = Redis::start(REDIS_7, &["--appendonly", "yes"])?;
    fill(&server);
    let ours = with(&server, &[("check-single-keys", "db3=h"), ("queue", "list:queue:a")]);
    assert_eq!(size(&ours.page(), "db3", "h"), Some(2.0));
    server.restart()?;
    // It listens before it has read its file.
    server.client();
    wait::until("the file to be read", wait::LONG, || match server.run("PING") {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(error.to_string())),
    })?;
    let page = ours.page();
    assert_eq!(size(&page, "db3", "h"), Some(2.0), "{}", page.text);
    assert_eq!((page.success("keys"), page.success("queues")), (Some(1.0), Some(1.0)));
    Ok(())
}

#[test]
fn too_many_keys_are_counted_not_shown() -> Result {
    let server = Redis::start(REDIS_7, &[])?;
    server.run("DEBUG POPULATE 500 k").unwrap();
    let page =
        with(&server, &[("check-keys", "k:*"), ("max-checked-keys", "100"), ("scan-budget", "5s")]).page();
    assert_eq!(page.text.lines().filter(|line| line.starts_with("redis_key_size{")).count(), 100);
    assert_eq!(page.value("redis_exporter_key_scan_keys_left_out"), Some(400.0));
    Ok(())
}

/// A key that a user may not touch costs itself only; the peer mixes its neighbours up then.
#[test]
fn a_key_without_the_right_to_it() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    fill(&server);
    server.run("ACL SETUSER mon on >pw ~queue:a ~queue:c +@all").unwrap();
    let ours = with(
        &server,
        &[("redis.user", "mon"), ("redis.password", "pw"), ("check-single-keys", "queue:a,queue:b,queue:c")],
    );
    let page = ours.page();
    assert_eq!(
        (size(&page, "db0", "queue:a"), size(&page, "db0", "queue:b"), size(&page, "db0", "queue:c")),
        (Some(3.0), None, Some(2.0))
    );
    Ok(())
}

//! `/scrape?target=`: many servers through one exporter.

use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::probe::Probes;
use exporter_core::{Filter, Settings};
use exporter_testkit::Result;
use redis_exporter::EXPORTER;
use std::time::{Duration, Instant};

use crate::support::{REDIS_7, Redis};

fn probe(flags: &[(&str, &str)], parameters: &[(&str, &str)]) -> std::result::Result<String, String> {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let settings = Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), owned(flags)).unwrap();
    let spec = (EXPORTER.probes)(&settings).unwrap().remove(0);
    let probes = Probes::new("redis", spec);
    let registry = probes.target(&owned(parameters)).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let filter = Filter::default();
    let collected = runtime.block_on(registry.collect(&filter, Instant::now() + Duration::from_secs(5)));
    let mut text = Vec::new();
    collected.write(&[], Options::new(Format::Text), &mut Assembly::new(), &mut text);
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn targets_and_their_passwords() -> Result {
    let server = Redis::start(REDIS_7, &["--requirepass", "secret"])?;
    let target = [("target", server.address())];
    let target = target.each_ref().map(|(name, value)| (*name, value.as_str()));
    let list = format!("127.0.0.1:{}", server.port);
    let up = probe(&[("redis.password", "secret"), ("scrape.allowed-target", &list)], &target).unwrap();
    assert!(up.contains("\nredis_up 1\n"), "{up}");
    // A stranger names a server of his own: he must not be sent the password.
    let unlisted = probe(&[("redis.password", "secret")], &target).unwrap();
    assert!(unlisted.contains("\nredis_up 0\n") && unlisted.contains("err=\"auth: "), "{unlisted}");
    let other = probe(&[("scrape.allowed-target", "10.0.0.0/8")], &target).unwrap();
    assert!(other.contains("err=\"policy: "), "{other}");
    let dir =
        exporter_testkit::fixture::tree(&[("map.json", format!("{{{:?}: \"secret\"}}", server.address()))])?;
    let file = dir.path().join("map.json").display().to_string();
    let mapped = probe(
        &[("redis.password-file", &file)],
        &[target[0], ("check-single-keys", "absent"), ("nonsense", "x")],
    )
    .unwrap();
    assert!(
        mapped.contains("\nredis_up 1\n") && mapped.contains("redis_key_size{db=\"db0\",key=\"absent\"} 0"),
        "{mapped}"
    );
    Ok(())
}

#[test]
fn what_is_not_a_target() {
    assert!(probe(&[], &[]).unwrap_err().contains("target is missing"));
    assert!(probe(&[], &[("target", "http://x")]).unwrap_err().contains("redis address"));
    let socket = probe(&[], &[("target", "unix:///run/redis.sock")]).unwrap();
    assert!(socket.contains("err=\"policy: "), "{socket}");
    let cloud = probe(&[], &[("target", "169.254.169.254:80")]).unwrap();
    assert!(cloud.contains("err=\"policy: "), "{cloud}");
}

//! A sentinel's view of its masters, beside what its INFO says.

use exporter_core::{Page, Scrape};
use redis::Value;

use crate::families::families;
use crate::reply;
use crate::session::{Batch, Session};
use crate::trouble::Trouble;

families! { DESCS:
    EPOCH: 2 = gauge("redis_sentinel_master_config_epoch", "Version of the master's configuration.", ["master_name", "master_address"]);
    LAST_PING: 2 = gauge("redis_sentinel_master_last_ok_ping_reply_seconds", "Seconds since the master last answered.", ["master_name", "master_address"]);
    QUORUM: 2 = gauge("redis_sentinel_master_setting_ckquorum", "Sentinels that must agree.", ["master_name", "master_address"]);
    DOWN_AFTER: 2 = gauge("redis_sentinel_master_setting_down_after_milliseconds", "Silence that counts as down, in milliseconds.", ["master_name", "master_address"]);
    FAILOVER: 2 = gauge("redis_sentinel_master_setting_failover_timeout", "Longest failover, in milliseconds.", ["master_name", "master_address"]);
    SYNCS: 2 = gauge("redis_sentinel_master_setting_parallel_syncs", "Replicas that sync at once after a failover.", ["master_name", "master_address"]);
    OK_SENTINELS: 2 = gauge("redis_sentinel_master_ok_sentinels", "Sentinels that are well, this one too.", ["master_name", "master_address"]);
    OK_SLAVES: 2 = gauge("redis_sentinel_master_ok_slaves", "Replicas that are well.", ["master_name", "master_address"]);
    CKQUORUM: 2 = gauge("redis_sentinel_master_ckquorum_status", "Whether a failover could be decided.", ["master_name", "message"]);
    PEER: 7 = info("redis_sentinel_peer_info", "Another sentinel; always 1.",
        ["master_name", "master_address", "name", "ip", "port", "runid", "flags"]);
}

/// One more round trip's worth, by master.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Detail>);

#[derive(Debug)]
struct Detail {
    sentinels: Option<Value>,
    slaves: Option<Value>,
    quorum: Result<String, String>,
}

/// Asks about every master, in one go.
pub(super) async fn ask(session: &mut Session, scrape: &Scrape, masters: &Value) -> Result<Details, Trouble> {
    let names: Vec<&[u8]> = reply::items(masters).iter().filter_map(|master| of(master, "name")).collect();
    let replies = session
        .ask(scrape, |_, _| {
            let mut batch = Batch::default();
            for name in &names {
                batch.add("", &[b"SENTINEL", b"SENTINELS", name]);
                batch.add("", &[b"SENTINEL", b"SLAVES", name]);
                batch.add("", &[b"SENTINEL", b"CKQUORUM", name]);
            }
            batch
        })
        .await?;
    let mut replies = replies.into_values();
    let mut details = Vec::new();
    while let (Some(sentinels), Some(slaves), Some(quorum)) = (replies.next(), replies.next(), replies.next())
    {
        let quorum = match quorum {
            Ok(value) => Ok(reply::text(&value).unwrap_or_default().to_owned()),
            Err(error) => {
                Err(format!("{} {}", error.code().unwrap_or_default(), error.detail().unwrap_or_default()))
            }
        };
        details.push(Detail { sentinels: sentinels.ok(), slaves: slaves.ok(), quorum });
    }
    Ok(Details(details))
}

pub(super) fn put(page: &mut Page, masters: &Value, details: &Details, with_peers: bool) {
    let named = reply::items(masters).iter().filter(|master| of(master, "name").is_some());
    for (master, detail) in named.zip(details.0.iter().map(Some).chain(std::iter::repeat(None))) {
        let name = of(master, "name").unwrap_or_default();
        let address =
            [of(master, "ip").unwrap_or_default(), of(master, "port").unwrap_or_default()].join(&b':');
        for (family, field, scale) in [
            (&EPOCH, "config-epoch", 1.0),
            (&LAST_PING, "last-ok-ping-reply", 1000.0),
            (&QUORUM, "quorum", 1.0),
            (&DOWN_AFTER, "down-after-milliseconds", 1.0),
            (&FAILOVER, "failover-timeout", 1.0),
            (&SYNCS, "parallel-syncs", 1.0),
        ] {
            if let Some(value) = reply::field(master, field).and_then(reply::number) {
                page.put(family, [&name, &address], value / scale);
            }
        }
        let Some(detail) = detail else { continue };
        if let Some(sentinels) = &detail.sentinels {
            // The others and this one.
            page.put(&OK_SENTINELS, [&name, &address], well(sentinels, b"sentinel") + 1);
        }
        if let Some(slaves) = &detail.slaves {
            page.put(&OK_SLAVES, [&name, &address], well(slaves, b"slave"));
        }
        let (message, is_ok) = match &detail.quorum {
            Ok(message) => (message, true),
            Err(message) => (message, false),
        };
        page.put(&CKQUORUM, [&name, message], is_ok);
        if with_peers {
            for peer in detail.sentinels.iter().flat_map(reply::items) {
                let field = |field| of(peer, field).unwrap_or_default();
                page.put(
                    &PEER,
                    [
                        &name,
                        &address,
                        &field("name"),
                        &field("ip"),
                        &field("port"),
                        &field("runid"),
                        &field("flags"),
                    ],
                    1_u8,
                );
            }
        }
    }
}

fn of<'a>(map: &'a Value, field: &str) -> Option<&'a [u8]> {
    reply::field(map, field).and_then(reply::bytes)
}

/// Those whose flags are this word and no other, such as `s_down`.
fn well(all: &Value, flags: &[u8]) -> usize {
    reply::items(all).iter().filter(|one| of(one, "flags") == Some(flags)).count()
}

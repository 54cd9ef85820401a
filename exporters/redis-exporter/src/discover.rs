//! `/discover-cluster-nodes`: all nodes of the cluster as http_sd has them, replicas and those that are down too.

use exporter_core::{Answer, Route, Scrape};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

use crate::config::Config;
use crate::connect::Access;
use crate::reply;
use crate::session::{Batch, Session};
use crate::target::{Place, Target};
use crate::trouble::{Cause, Trouble};

const PATH: &str = "/discover-cluster-nodes";
/// Prometheus waits ten seconds for a page that says nothing else.
const PATIENCE: Duration = Duration::from_secs(9);

/// The path, for this server or the cluster it belongs to.
pub(crate) fn route(config: &Config, access: &Access) -> Route {
    if !config.is_cluster {
        return Route::get(PATH, |_| async {
            Answer::text(400, "no cluster is watched here: switch it on by --is-cluster\n")
        });
    }
    let hostnames = config.cluster_hostnames;
    let session = Session::new(access.clone(), config.timeout, config.client_name, false);
    let session = Arc::new(Mutex::new(session));
    let target = access.target.clone();
    Route::get(PATH, move |_| {
        let (session, target) = (session.clone(), target.clone());
        async move {
            match nodes(&session, &target, hostnames).await {
                Ok(nodes) => {
                    Answer::json(format!("{}\n", serde_json::json!([{"targets": nodes, "labels": {}}])))
                }
                Err(trouble) => Answer::text(502, format!("cluster nodes of {}: {trouble}\n", target.uri())),
            }
        }
    })
}

async fn nodes(session: &Mutex<Session>, target: &Target, hostnames: bool) -> Result<Vec<String>, Trouble> {
    let scrape = Scrape::new(PATIENCE);
    let mut session = session.lock().await;
    session.begin();
    let replies = session.ask(&scrape, |_, _| Batch::of("cluster nodes", &[b"CLUSTER", b"NODES"])).await?;
    if let Some(trouble) = replies.trouble("cluster nodes") {
        return Err(trouble);
    }
    let refused = |error: exporter_core::CollectError| Trouble::new(Cause::Protocol, error.to_string());
    let text = reply::text(replies.get("cluster nodes").map_err(refused)?).unwrap_or_default();
    Ok(parse(text, target, hostnames))
}

/// `ID ADDRESS:PORT@BUS,HOSTNAME FLAGS ...`, a line a node; a node without an address is nothing to be scraped.
fn parse(text: &str, target: &Target, hostnames: bool) -> Vec<String> {
    let mut all: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (place, flags) = (words.nth(1)?, words.next()?);
            if flags.split(',').any(|flag| matches!(flag, "noaddr" | "handshake")) {
                return None;
            }
            let mut parts = place.split(',');
            let (address, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
            let name = parts.next().filter(|name| hostnames && !name.is_empty());
            let port = port.parse().ok().filter(|port| *port > 0)?;
            match (name.unwrap_or(address), &target.place) {
                // Who has not met anybody yet does not know his own address.
                ("", Place::Tcp { host, .. }) => Some(target.at(host, port).uri()),
                ("", Place::Unix(_)) => None,
                (host, _) => Some(target.at(host, port).uri()),
            }
        })
        .collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_all_forms() {
        let text = "a 10.0.0.2:7000@17000,north master - 0 0 2 connected 0-5460\n\
                    b 10.0.0.1:7000@17000 slave,fail a 0 0 1 disconnected\n\
                    c :0@0 master,fail,noaddr - 0 0 1 disconnected\n\
                    d fd00::1:7001@17001,,shard-id=x myself,master - 0 0 0 connected\n\
                    e :6379@16379 myself,master - 0 0 0 connected\n\
                    nonsense\n";
        let target = Target::parse("redis://seed:1").unwrap();
        let expected =
            ["redis://10.0.0.1:7000", "redis://10.0.0.2:7000", "redis://[fd00::1]:7001", "redis://seed:6379"];
        assert_eq!(parse(text, &target, false), expected);
        let secured = Target::parse("rediss://seed:1").unwrap();
        assert_eq!(parse(text, &secured, true)[2], "rediss://north:7000");
    }
}

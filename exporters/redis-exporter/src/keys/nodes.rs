//! The servers that hold the keys: one, or the masters of a cluster, each asked by itself.

use exporter_core::Scrape;
use futures_util::future::join_all;
use redis::Value;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::connect::Access;
use crate::reply;
use crate::session::{Batch, Session};
use crate::trouble::{Cause, Trouble};

/// How long a cluster's layout is taken for granted.
const LAYOUT: Duration = Duration::from_secs(60);

/// A command about one key.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// The key, by which its node is found.
    pub(crate) key: &'a [u8],
    /// Under which a refusal is remembered.
    pub(crate) name: &'static str,
    pub(crate) words: Vec<&'a [u8]>,
}

/// One server or all masters.
pub(crate) struct Nodes {
    access: Access,
    timeout: Duration,
    client_name: Option<&'static str>,
    is_cluster: bool,
    nodes: Vec<Node>,
    slots: Vec<(u16, u16, usize)>,
    refreshed: Option<Instant>,
    /// What went wrong with some node in this scrape.
    pub(crate) trouble: Option<Trouble>,
}

struct Node {
    address: (String, u16),
    session: Session,
}

impl Nodes {
    pub(crate) fn new(access: Access, config: &Config) -> Self {
        let session = Session::new(access.clone(), config.timeout, config.client_name, true);
        let is_cluster = config.is_cluster;
        Self {
            access,
            timeout: config.timeout,
            client_name: config.client_name,
            is_cluster,
            nodes: vec![Node { address: (String::new(), 0), session }],
            slots: Vec::new(),
            refreshed: None,
            trouble: None,
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Begins a scrape: connects, and looks where the masters are.
    pub(crate) async fn begin(&mut self, scrape: &Scrape) -> Result<(), Trouble> {
        self.trouble = None;
        for node in &mut self.nodes {
            node.session.begin();
        }
        if !self.is_cluster {
            self.nodes[0].session.server(scrape).await?;
        } else if self.refreshed.is_none_or(|at| at.elapsed() > LAYOUT) {
            self.refresh(scrape).await?;
        }
        Ok(())
    }

    /// The layout is asked of the configured node, or of any that is known.
    async fn refresh(&mut self, scrape: &Scrape) -> Result<(), Trouble> {
        let mut seed = Session::new(self.access.clone(), self.timeout, self.client_name, false);
        let ask = |_: &_, _: &_| Batch::of("cluster slots", &[b"CLUSTER", b"SLOTS"]);
        let mut replies = seed.ask(scrape, ask).await;
        for node in &mut self.nodes {
            if replies.is_ok() {
                break;
            }
            replies = node.session.ask(scrape, ask).await;
        }
        let replies = replies?;
        if let Some(trouble) = replies.trouble("cluster slots") {
            return Err(trouble);
        }
        let reply =
            replies.get("cluster slots").map_err(|error| Trouble::new(Cause::Protocol, error.to_string()))?;
        let mut known: Vec<Node> = std::mem::take(&mut self.nodes);
        self.slots.clear();
        for (first, last, host, port) in masters(reply) {
            // A node that does not know its own name is the one that was asked.
            let access = if host.is_empty() { self.access.clone() } else { self.access.at(&host, port) };
            let address = (host, port);
            let at = self.nodes.iter().position(|node| node.address == address).unwrap_or_else(|| {
                let node = match known.iter().position(|node| node.address == address) {
                    Some(at) => known.swap_remove(at),
                    None => {
                        let session = Session::new(access, self.timeout, self.client_name, true);
                        Node { address, session }
                    }
                };
                self.nodes.push(node);
                self.nodes.len() - 1
            });
            self.slots.push((first, last, at));
        }
        if self.nodes.is_empty() {
            self.nodes = known;
            return Err(Trouble::new(Cause::Protocol, "the cluster has no slots"));
        }
        self.refreshed = Some(Instant::now());
        Ok(())
    }

    /// Asks about keys of one database, each command of the node that holds its key, all nodes at once. Answers are in the
    /// order of the questions; a question without a good answer has none.
    pub(crate) async fn ask(&mut self, scrape: &Scrape, db: i64, asks: &[Ask<'_>]) -> Vec<Option<Value>> {
        let mut shares: Vec<(Batch, Vec<usize>)> = self.nodes.iter().map(|_| Default::default()).collect();
        for (at, ask) in asks.iter().enumerate() {
            let node = self.node_of(ask.key);
            if !self.nodes[node].session.is_refused(ask.name) {
                shares[node].0.add(ask.name, &ask.words);
                shares[node].1.push(at);
            }
        }
        let mut answers: Vec<Option<Value>> = asks.iter().map(|_| None).collect();
        let work = self.nodes.iter_mut().zip(&shares).filter(|(_, (batch, _))| !batch.is_empty());
        let results = join_all(work.map(|(node, (batch, places))| async move {
            (node.session.ask_in(scrape, db, batch).await, places)
        }));
        let mut trouble = None;
        for (result, places) in results.await {
            match result {
                Ok(replies) => {
                    for (reply, &at) in replies.into_values().zip(places) {
                        if reply.as_ref().is_err_and(|error| error.code() == Some("MOVED")) {
                            self.refreshed = None;
                        }
                        answers[at] = reply.ok();
                    }
                }
                Err(error) => {
                    self.refreshed = None;
                    trouble = Some(error);
                }
            }
        }
        if trouble.is_some() {
            self.trouble = trouble;
        }
        answers
    }

    /// Asks one node, whatever keys it has.
    pub(crate) async fn ask_node(
        &mut self,
        scrape: &Scrape,
        node: usize,
        db: i64,
        batch: &Batch,
    ) -> Result<Option<Value>, Trouble> {
        let Some(node) = self.nodes.get_mut(node) else { return Ok(None) };
        node.session.server(scrape).await?;
        let replies = node.session.ask_in(scrape, db, batch).await?;
        match replies.into_values().next() {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) => Err(Trouble::redis(&error)),
            None => Ok(None),
        }
    }

    fn node_of(&self, key: &[u8]) -> usize {
        if !self.is_cluster {
            return 0;
        }
        let slot = slot_of(key);
        let found = self.slots.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        found.map_or(0, |(_, _, node)| *node)
    }
}

/// First and last slot, host and port of each master in CLUSTER SLOTS.
fn masters(reply: &Value) -> Vec<(u16, u16, String, u16)> {
    let range = |value: &Value| u16::try_from(reply::integer(value)?).ok();
    let one = |entry: &Value| {
        let [first, last, master, ..] = reply::items(entry) else { return None };
        let [host, port, ..] = reply::items(master) else { return None };
        Some((range(first)?, range(last)?, reply::text(host).unwrap_or_default().to_owned(), range(port)?))
    };
    reply::items(reply).iter().filter_map(one).collect()
}

/// The slot of a key: what stands in the first braces counts, if there is something in them.
fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let length = key[open + 1..].iter().position(|&byte| byte == b'}')?;
        (length > 0).then(|| &key[open + 1..open + 1 + length])
    });
    crc16(tag.unwrap_or(key)) % 16384
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_keys() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_ne!(slot_of(b"{}a"), slot_of(b"{}b"));
    }
}

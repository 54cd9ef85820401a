//! The servers that hold the keys: one, or the masters of a cluster, each asked by itself.

use exporter_core::Scrape;
use futures_util::future::join_all;
use redis::Value;
use std::time::{Duration, Instant};

use super::slots::{masters, slot_of};
use crate::config::Config;
use crate::connect::Access;
use crate::session::{Batch, Reply, Session};
use crate::trouble::{Cause, Trouble};

/// How long a cluster's layout is taken for granted.
const LAYOUT: Duration = Duration::from_secs(60);

/// Under which a refusal of `OBJECT IDLETIME` is remembered.
pub(crate) const IDLE_TIME: &str = "object idletime";

/// A command about one key.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// The key, by which its node is found.
    pub(crate) key: &'a [u8],
    /// Under which a refusal is remembered.
    pub(crate) name: &'static str,
    pub(crate) words: Vec<&'a [u8]>,
}

/// Lookups we have caused, which the server counts as hits and misses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Lookups {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Lookups {
    /// Every command about a key is one, but for `MEMORY USAGE`; an absent key is told by an answer of nothing.
    fn count(&mut self, name: &str, reply: &Reply) {
        let is_absent = match reply {
            Err(error) => match error.code() {
                // It was not carried out.
                Some("NOPERM" | "NOAUTH" | "MOVED" | "ASK" | "CLUSTERDOWN" | "LOADING") => return,
                // XINFO says so in this way.
                _ => error.detail().is_some_and(|detail| detail.contains("no such key")),
            },
            Ok(Value::Nil | Value::Int(0 | -2)) => true,
            Ok(Value::BulkString(text)) => text.is_empty(),
            Ok(Value::SimpleString(text)) => text == "none",
            Ok(Value::Array(items)) => items.is_empty(),
            Ok(_) => false,
        };
        match name {
            "memory usage" => {}
            // 0 is an answer here.
            IDLE_TIME if matches!(reply, Ok(Value::Int(_))) => self.hits += 1,
            // A stream and its groups may be empty.
            "xlen" | "xinfo" if reply.is_ok() => self.hits += 1,
            _ if is_absent => self.misses += 1,
            _ => self.hits += 1,
        }
    }
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
    /// Which node is asked for the layout first.
    turn: usize,
    /// What went wrong with some node in this scrape.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) lookups: Lookups,
}

struct Node {
    address: (String, u16),
    session: Session,
    /// How it has failed in this scrape; it is left alone for the rest of it.
    down: Option<Trouble>,
}

impl Node {
    fn new(address: (String, u16), session: Session) -> Self {
        Self { address, session, down: None }
    }
}

/// What one node of a cluster may cost of a scrape: the others' keys are to be had beside one that hangs.
const SHARE: u32 = 4;

impl Nodes {
    pub(crate) fn new(access: Access, config: &Config) -> Self {
        let session = Session::new(access.clone(), config.timeout, config.client_name, true);
        let is_cluster = config.is_cluster;
        Self {
            access,
            timeout: config.timeout,
            client_name: config.client_name,
            is_cluster,
            nodes: vec![Node::new((String::new(), 0), session)],
            turn: 0,
            slots: Vec::new(),
            refreshed: None,
            trouble: None,
            lookups: Lookups::default(),
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// Whether keys are as if nobody had read them when we have.
    pub(crate) fn leaves_use_alone(&self) -> bool {
        self.nodes.iter().all(|node| node.down.is_some() || node.session.leaves_use_alone())
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
            node.down = None;
        }
        if !self.is_cluster {
            return self.nodes[0].session.server(scrape).await.map(drop);
        }
        let share = self.timeout.min(scrape.remaining() / SHARE);
        if self.refreshed.is_none_or(|at| at.elapsed() > LAYOUT)
            && let Err(trouble) = self.refresh(scrape, share).await
        {
            // The layout that is known is better than none.
            if self.slots.is_empty() {
                return Err(trouble);
            }
            self.trouble = Some(trouble);
        }
        let connects = self.nodes.iter_mut().filter(|node| node.down.is_none()).map(|node| async move {
            node.session.limit = share;
            node.down = node.session.server(scrape).await.err();
        });
        join_all(connects).await;
        if let Some(trouble) = self.nodes.iter().find_map(|node| node.down.clone()) {
            // Another node may have taken its place.
            self.refreshed = None;
            self.trouble = Some(trouble);
        }
        match &self.trouble {
            Some(trouble) if self.nodes.iter().all(|node| node.down.is_some()) => Err(trouble.clone()),
            _ => Ok(()),
        }
    }

    /// Asks for the layout: nodes that are known, another one first each time, then the configured one.
    async fn refresh(&mut self, scrape: &Scrape, share: Duration) -> Result<(), Trouble> {
        let ask = |_: &_, _: &_| Batch::of("cluster slots", &[b"CLUSTER", b"SLOTS"]);
        let mut replies = Err(Trouble::new(Cause::Protocol, "no node of the cluster is known"));
        self.turn += 1;
        let known = if self.slots.is_empty() { 0 } else { self.nodes.len() };
        for at in 0..known {
            let node = &mut self.nodes[(self.turn + at) % known];
            node.session.limit = share;
            replies = node.session.ask(scrape, ask).await;
            match &replies {
                Ok(_) => break,
                Err(trouble) => node.down = Some(trouble.clone()),
            }
        }
        if replies.is_err() {
            let mut seed = Session::new(self.access.clone(), share, self.client_name, false);
            replies = seed.ask(scrape, ask).await;
        }
        let replies = replies?;
        if let Some(trouble) = replies.trouble("cluster slots") {
            return Err(trouble);
        }
        let reply =
            replies.get("cluster slots").map_err(|error| Trouble::new(Cause::Protocol, error.to_string()))?;
        let masters = masters(reply);
        if masters.is_empty() {
            return Err(Trouble::new(Cause::Protocol, "the cluster has no slots"));
        }
        let mut known: Vec<Node> = std::mem::take(&mut self.nodes);
        self.slots.clear();
        for (first, last, host, port) in masters {
            // A node that does not know its own name is the one that was asked.
            let access = if host.is_empty() { self.access.clone() } else { self.access.at(&host, port) };
            let address = (host, port);
            let at = self.nodes.iter().position(|node| node.address == address).unwrap_or_else(|| {
                let node = match known.iter().position(|node| node.address == address) {
                    Some(at) => known.swap_remove(at),
                    None => {
                        let session = Session::new(access, self.timeout, self.client_name, true);
                        Node::new(address, session)
                    }
                };
                self.nodes.push(node);
                self.nodes.len() - 1
            });
            self.slots.push((first, last, at));
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
            if self.nodes[node].down.is_none() && !self.nodes[node].session.is_refused(ask.name) {
                shares[node].0.add(ask.name, &ask.words);
                shares[node].1.push(at);
            }
        }
        let mut answers: Vec<Option<Value>> = asks.iter().map(|_| None).collect();
        let work = self.nodes.iter_mut().zip(&shares).filter(|(_, (batch, _))| !batch.is_empty());
        let results = join_all(work.map(|(node, (batch, places))| async move {
            let result = node.session.ask_in(scrape, db, batch).await;
            node.down = result.as_ref().err().cloned();
            (result, places)
        }));
        let mut trouble = None;
        for (result, places) in results.await {
            match result {
                Ok(replies) => {
                    for (reply, &at) in replies.into_values().zip(places) {
                        if reply.as_ref().is_err_and(|error| error.code() == Some("MOVED")) {
                            self.refreshed = None;
                        }
                        self.lookups.count(asks[at].name, &reply);
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
        if let Some(trouble) = &node.down {
            return Err(trouble.clone());
        }
        let replies = node.session.ask_in(scrape, db, batch).await;
        node.down = replies.as_ref().err().cloned();
        match replies?.into_values().next() {
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

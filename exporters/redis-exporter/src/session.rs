//! A kept connection to one server, what that server can do, and what it has refused.

use exporter_core::Scrape;
use redis::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};

use crate::connect::Access;
use crate::info;
pub(crate) use crate::replies::{Replies, Reply, Slot};
use crate::trouble::{Cause, Trouble};
use crate::wire::{self, Wire};

/// What is left to those who wait when we give up: enough to put `redis_up 0` on the page.
const MARGIN: Duration = Duration::from_millis(100);

/// Under which a refusal of `CLIENT NO-TOUCH` is remembered.
const NO_TOUCH: &str = "client no-touch";

/// After this long a refused command is tried again: somebody may have changed the ACL.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// Runs `future` until shortly before the scrape's deadline, and no longer than `limit`.
pub(crate) async fn within<T>(
    scrape: &Scrape,
    limit: Duration,
    doing: &str,
    future: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let started = Instant::now();
    let mut future = std::pin::pin!(future);
    loop {
        let remaining = scrape.remaining();
        let margin = MARGIN.min(remaining / 4);
        let deadline = (scrape.deadline() - margin).min(started + limit);
        if let Ok(done) = tokio::time::timeout_at(deadline.into(), future.as_mut()).await {
            return done;
        }
        // A more patient scrape may have joined meanwhile.
        if scrape.deadline() - margin <= deadline || started + limit <= deadline {
            return Err(Trouble::timeout(doing));
        }
    }
}

/// A server's version and kind, as far as commands depend on them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Server {
    /// Redis' own, or the Redis version that Valkey says it is compatible with.
    pub(crate) version: (u32, u32),
    pub(crate) mode: Mode,
}

impl Server {
    fn has_no_touch(&self) -> bool {
        self.version >= (7, 2) && self.mode != Mode::Sentinel
    }
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Standalone,
    Cluster,
    Sentinel,
}

/// A connection that is kept between scrapes.
#[derive(Debug)]
pub(crate) struct Session {
    access: Access,
    /// Longest wait for one answer; the scrape's deadline comes first.
    pub(crate) limit: Duration,
    name: Option<&'static str>,
    /// Keys will be read: ask the server to leave their last use alone, where it can.
    keys: bool,
    link: Option<Link>,
    refused: BTreeSet<&'static str>,
    refused_since: Option<Instant>,
    /// How long the last connect took.
    pub(crate) connect_time: Duration,
    /// Round trips of the last scrape, with those of a connect.
    pub(crate) round_trips: u64,
}

#[derive(Debug)]
struct Link {
    wire: Wire,
    server: Server,
    /// The database that is selected.
    db: i64,
}

/// Commands that are sent together, each with the name under which a refusal is remembered.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    packed: Vec<u8>,
    /// And whether the reply is left as it comes.
    names: Vec<(&'static str, bool)>,
}

impl Batch {
    /// Of one command.
    pub(crate) fn of(name: &'static str, command: &[&[u8]]) -> Self {
        let mut batch = Self::default();
        batch.add(name, command);
        batch
    }

    /// Adds a command, given by its words.
    pub(crate) fn add(&mut self, name: &'static str, command: &[&[u8]]) {
        wire::pack(command, &mut self.packed);
        self.names.push((name, false));
    }

    /// Adds one whose reply is long: whoever asks goes through its [bytes](Replies::raw).
    pub(crate) fn add_raw(&mut self, name: &'static str, command: &[&[u8]]) {
        wire::pack(command, &mut self.packed);
        self.names.push((name, true));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Session {
    pub(crate) fn new(access: Access, limit: Duration, name: Option<&'static str>, keys: bool) -> Self {
        Self {
            access,
            limit,
            name,
            keys,
            link: None,
            refused: BTreeSet::new(),
            refused_since: None,
            connect_time: Duration::ZERO,
            round_trips: 0,
        }
    }

    /// The server that the operator has named, without credentials; nothing for one that a URL names.
    pub(crate) fn configured(&self) -> Option<String> {
        self.access.policy.is_none().then(|| self.access.target.uri())
    }

    /// Begins a scrape.
    pub(crate) fn begin(&mut self) {
        self.round_trips = 0;
        if self.refused_since.is_some_and(|since| since.elapsed() > REFUSED_FOR) {
            self.refused.clear();
            self.refused_since = None;
        }
    }

    /// Whether the server has refused this lately, for want of the right or of the command.
    pub(crate) fn is_refused(&self, name: &str) -> bool {
        self.refused.contains(name)
    }

    /// Whether the server was told to leave the last use of keys alone, and can.
    pub(crate) fn leaves_use_alone(&self) -> bool {
        self.keys
            && !self.is_refused(NO_TOUCH)
            && self.link.as_ref().is_some_and(|link| link.server.has_no_touch())
    }

    /// Connects if need be, and says what is there.
    pub(crate) async fn server(&mut self, scrape: &Scrape) -> Result<Server, Trouble> {
        if let Some(link) = &self.link {
            return Ok(link.server.clone());
        }
        let started = Instant::now();
        let wire = within(scrape, self.limit, "connecting", self.access.connect()).await?;
        self.connect_time = started.elapsed();
        let mut link = Link { wire, server: Server::default(), db: self.access.target.db };
        let mut hello = Batch::default();
        if let Some(name) = self.name.filter(|_| !self.is_refused("client setname")) {
            hello.add("client setname", &[b"CLIENT", b"SETNAME", name.as_bytes()]);
        }
        hello.add("info", &[b"INFO", b"SERVER"]);
        let replies = within(scrape, self.limit, "reading", run(&mut link.wire, &hello)).await?;
        self.round_trips += 1;
        self.remember(&replies);
        match replies.trouble("info") {
            None => {
                let text = replies.get("info").ok().and_then(crate::reply::bytes).unwrap_or_default();
                link.server = info::server(text);
            }
            // Up, if not very helpful: what it does not say about itself is assumed to be old.
            Some(trouble) if matches!(trouble.cause, Cause::Acl | Cause::Loading) => {}
            Some(trouble) => return Err(trouble),
        }
        let server = link.server.clone();
        self.link = Some(link);
        if self.keys && server.has_no_touch() && !self.is_refused(NO_TOUCH) {
            let quiet = Batch::of(NO_TOUCH, &[b"CLIENT", b"NO-TOUCH", b"ON"]);
            self.ask_once(scrape, &quiet).await?;
        }
        Ok(server)
    }

    /// One round trip. A connection that has died since the last scrape is replaced, once.
    pub(crate) async fn ask(
        &mut self,
        scrape: &Scrape,
        batch: impl Fn(&Server, &Session) -> Batch,
    ) -> Result<Replies, Trouble> {
        let kept = self.link.is_some();
        let server = self.server(scrape).await?;
        let first = batch(&server, self);
        match self.ask_once(scrape, &first).await {
            Err(trouble) if kept && trouble.is_broken_connection() => {
                let server = self.server(scrape).await?;
                let again = batch(&server, self);
                self.ask_once(scrape, &again).await
            }
            result => result,
        }
    }

    /// One round trip in this database. A connection that has died since the last scrape is replaced here, too.
    pub(crate) async fn ask_in(
        &mut self,
        scrape: &Scrape,
        db: i64,
        batch: &Batch,
    ) -> Result<Replies, Trouble> {
        let kept = self.round_trips == 0;
        match self.ask_in_once(scrape, db, batch).await {
            Err(trouble) if kept && trouble.is_broken_connection() => {
                self.server(scrape).await?;
                self.ask_in_once(scrape, db, batch).await
            }
            result => result,
        }
    }

    async fn ask_in_once(&mut self, scrape: &Scrape, db: i64, batch: &Batch) -> Result<Replies, Trouble> {
        if self.link.as_ref().is_some_and(|link| link.db != db) {
            let mut select = Batch::default();
            select.add("select", &[b"SELECT", db.to_string().as_bytes()]);
            let replies = self.ask_once(scrape, &select).await?;
            if let Some(trouble) = replies.trouble("select") {
                return Err(trouble);
            }
            if let Some(link) = &mut self.link {
                link.db = db;
            }
        }
        self.ask_once(scrape, batch).await
    }

    async fn ask_once(&mut self, scrape: &Scrape, batch: &Batch) -> Result<Replies, Trouble> {
        if batch.is_empty() {
            return Ok(Replies::default());
        }
        let Some(link) = &mut self.link else {
            return Err(Trouble::new(Cause::Io, "not connected"));
        };
        let replies = within(scrape, self.limit, "reading", run(&mut link.wire, batch)).await;
        self.round_trips += 1;
        match replies {
            Ok(replies) => {
                self.remember(&replies);
                Ok(replies)
            }
            Err(trouble) => {
                // Answers may still be on their way; they must not meet the next questions.
                self.link = None;
                Err(trouble)
            }
        }
    }

    /// Takes replies back that are not needed any more: the next ones come into their buffer.
    pub(crate) fn give_back(&mut self, replies: Replies) {
        if let Some(link) = &mut self.link {
            link.wire.give_back(replies.bytes);
        }
    }

    /// Commands that were refused are not sent again for a while: the server counts such errors.
    fn remember(&mut self, replies: &Replies) {
        for (name, slot) in &replies.all {
            if let Some(Err(error)) = slot.value()
                && is_refusal(error)
                && !name.is_empty()
                && self.refused.insert(name)
            {
                self.refused_since.get_or_insert_with(Instant::now);
                tracing::warn!(command = name, error = %Trouble::redis(error), "refused, not asked again for a while");
            }
        }
    }
}

fn is_refusal(error: &redis::RedisError) -> bool {
    let unknown = |detail: &str| {
        let detail = detail.to_lowercase();
        detail.starts_with("unknown command")
            || detail.starts_with("unknown subcommand")
            // Under such a policy a key's idle time is not kept.
            || detail.contains("lfu maxmemory policy is selected")
    };
    error.code() == Some("NOPERM") || error.detail().is_some_and(unknown)
}

async fn run(wire: &mut Wire, batch: &Batch) -> Result<Replies, Trouble> {
    let answers = wire.ask(&batch.packed, batch.names.len()).await?;
    let mut parser = redis::Parser::new();
    let mut all = Vec::with_capacity(batch.names.len());
    for ((name, is_raw), place) in batch.names.iter().zip(answers.frames()) {
        let bytes = &answers.bytes[place.clone()];
        let slot = match *is_raw && !bytes.starts_with(b"-") {
            true => Slot::Raw(place),
            false => Slot::Value(match parser.parse_value(bytes) {
                Ok(Value::ServerError(error)) => Err(error.into()),
                Ok(value) => Ok(value),
                Err(error) => return Err(Trouble::redis(&error)),
            }),
        };
        all.push((*name, slot));
    }
    let mut bytes = answers.bytes;
    if !batch.names.iter().any(|(_, is_raw)| *is_raw) {
        wire.give_back(std::mem::take(&mut bytes));
    }
    Ok(Replies { all, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn gives_up_before_the_scrape_does() {
        let scrape = Scrape::new(Duration::from_millis(400));
        let never = std::future::pending::<Result<(), Trouble>>();
        let error = within(&scrape, Duration::from_secs(9), "reading", never).await.unwrap_err();
        assert_eq!(error.cause, Cause::Timeout);
        assert!(scrape.remaining() > Duration::ZERO);
    }
}

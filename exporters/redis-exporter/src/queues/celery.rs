//! Celery's queues: lists, one more a priority step, and what was delivered but not acknowledged.

use exporter_core::{ConfigError, Page, Scrape, Settings};

use crate::families::families;
use crate::keys::list::Key;
use crate::keys::nodes::{Ask, Nodes};
use crate::keys::scan::{Pattern, Purpose};
use crate::reply;

families! { DESCS:
    LENGTH: 1 = gauge("celery_queue_length", "Messages in a queue, of all priorities.", ["queue_name"]);
    BY_PRIORITY: 2 = gauge("celery_queue_priority_length", "Messages in a queue, by priority step.", ["queue_name", "priority"]);
    UNACKED: 0 = gauge("celery_unacked_messages", "Messages that workers hold: prefetched, running, or with an ETA.", []);
    OLDEST: 0 = gauge("celery_unacked_oldest_timestamp_seconds", "When the oldest of them was delivered, in seconds since 1970.", []);
    BROKER: 0 = gauge("celery_broker_up", "Whether the broker answered.", []);
}

/// What a broker looks like.
#[derive(Clone, Debug)]
pub(crate) struct Celery {
    pub(crate) db: i64,
    queues: Vec<String>,
    discover: bool,
    prefix: String,
    separator: String,
    steps: Vec<u8>,
}

/// Queues nobody waits in: a worker's own, and those of who watches.
const PRIVATE: [&str; 3] = [".pidbox", "celeryev", ".reply."];

impl Celery {
    /// `None` where nothing of it is asked for.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let words = |name| settings.text(name).split(',').map(str::trim).filter(|word| !word.is_empty());
        let queues: Vec<String> = words("celery.queues").map(str::to_owned).collect();
        let discover = settings.switch("celery.discover");
        if queues.is_empty() && !discover {
            return Ok(None);
        }
        let steps = words("celery.priority-steps").map(str::parse).collect::<Result<Vec<u8>, _>>();
        let steps = steps.map_err(|_| {
            ConfigError::new("--celery.priority-steps: write numbers from 0 to 9 like 0,3,6,9")
        })?;
        Ok(Some(Self {
            db: settings.number("celery.db")?,
            queues,
            discover,
            prefix: settings.text("celery.key-prefix").to_owned(),
            // What kombu puts before the priority; a flag cannot well hold it.
            separator: match settings.text("celery.separator") {
                "" => "\u{6}\u{16}".to_owned(),
                other => other.to_owned(),
            },
            steps,
        }))
    }

    /// What finds queues: kombu keeps a set an exchange.
    pub(crate) fn pattern(&self, tag: usize) -> Option<Pattern> {
        let name = format!("{}_kombu.binding.*", self.prefix).into_bytes();
        let key = Key { db: self.db, name };
        self.discover.then_some(Pattern { key, purpose: Purpose::Names, tag, kind: "set" })
    }

    /// The queues that these bindings name.
    async fn bound(&self, nodes: &mut Nodes, scrape: &Scrape, bindings: &[&Key]) -> Vec<String> {
        let asks: Vec<_> = bindings
            .iter()
            .filter(|key| !is_private(&String::from_utf8_lossy(&key.name)))
            .map(|key| Ask { key: &key.name, name: "smembers", words: vec![b"SMEMBERS", &key.name] })
            .collect();
        let answers = nodes.ask(scrape, self.db, &asks).await;
        let members = answers.iter().flatten().flat_map(reply::items).filter_map(reply::text);
        // Routing key, pattern, queue.
        let queues = members.filter_map(|member| member.rsplit("\u{6}\u{16}").next());
        queues.filter(|queue| !queue.is_empty() && !is_private(queue)).map(str::to_owned).collect()
    }

    /// Puts lengths and what is not acknowledged: one round trip, one more where queues are looked for.
    pub(crate) async fn put(&self, page: &mut Page, nodes: &mut Nodes, scrape: &Scrape, bindings: &[&Key]) {
        let mut queues = self.queues.clone();
        queues.extend(self.bound(nodes, scrape, bindings).await);
        queues.sort_unstable();
        queues.dedup();
        let (unacked, index) = (format!("{}unacked", self.prefix), format!("{}unacked_index", self.prefix));
        let lists: Vec<(usize, u8, String)> = queues
            .iter()
            .enumerate()
            .flat_map(|(at, queue)| self.steps.iter().map(move |step| (at, *step, self.list(queue, *step))))
            .collect();
        let mut asks: Vec<_> = lists
            .iter()
            .map(|(_, _, key)| Ask {
                key: key.as_bytes(),
                name: "llen",
                words: vec![b"LLEN", key.as_bytes()],
            })
            .collect();
        asks.push(Ask { key: unacked.as_bytes(), name: "hlen", words: vec![b"HLEN", unacked.as_bytes()] });
        asks.push(Ask {
            key: index.as_bytes(),
            name: "zrange",
            words: vec![b"ZRANGE", index.as_bytes(), b"0", b"0", b"WITHSCORES"],
        });
        let mut answers = nodes.ask(scrape, self.db, &asks).await;
        let oldest = answers.pop().flatten();
        let unacked = answers.pop().flatten();
        page.put(&BROKER, [], unacked.is_some());
        let mut sums = vec![None; queues.len()];
        for ((queue, step, _), answer) in lists.iter().zip(&answers) {
            let Some(length) = answer.as_ref().and_then(reply::integer) else { continue };
            *sums[*queue].get_or_insert(0) += length;
            page.put(&BY_PRIORITY, [&queues[*queue], step], length);
        }
        for (queue, sum) in queues.iter().zip(&sums) {
            if let Some(sum) = sum {
                page.put(&LENGTH, [queue], *sum);
            }
        }
        if let Some(unacked) = unacked.as_ref().and_then(reply::integer) {
            page.put(&UNACKED, [], unacked);
        }
        if let Some([_, score]) = oldest.as_ref().map(reply::items)
            && let Some(at) = reply::number(score)
        {
            page.put(&OLDEST, [], at);
        }
    }

    /// The list of a priority step; that of step 0 has the queue's own name.
    fn list(&self, queue: &str, step: u8) -> String {
        let prefix = &self.prefix;
        if step == 0 {
            format!("{prefix}{queue}")
        } else {
            format!("{prefix}{queue}{}{step}", self.separator)
        }
    }
}

fn is_private(name: &str) -> bool {
    PRIVATE.iter().any(|private| name.contains(private))
}

/// The broker did not answer: that is data.
pub(crate) fn put_down(page: &mut Page) {
    page.put(&BROKER, [], 0_u8);
}

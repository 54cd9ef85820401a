//! `--queue=KIND:[dbN=]NAME`: queues whose keys are known by their kind.

use exporter_core::{ConfigError, Page, Scrape};

use crate::families::families;
use crate::keys::list::{self, Key};
use crate::keys::nodes::{Ask, Nodes};
use crate::reply;

families! { DESCS:
    LENGTH: 4 = gauge("redis_queue_length", "Jobs in a queue, by state.", ["db", "queue", "backend", "state"]);
}

/// One key that holds jobs in some state.
struct Part {
    state: &'static str,
    /// Before and behind the queue's name.
    around: (&'static str, &'static str),
    command: &'static str,
}

const fn part(
    state: &'static str,
    before: &'static str,
    behind: &'static str,
    command: &'static str,
) -> Part {
    Part { state, around: (before, behind), command }
}

/// Kinds of queues, and where they keep what.
const KINDS: &[(&str, &[Part])] = &[
    ("list", &[part("waiting", "", "", "LLEN")]),
    ("set", &[part("waiting", "", "", "SCARD")]),
    ("zset", &[part("waiting", "", "", "ZCARD")]),
    ("stream", &[part("all", "", "", "XLEN")]),
    (
        "rq",
        &[
            part("waiting", "rq:queue:", "", "LLEN"),
            part("active", "rq:wip:", "", "ZCARD"),
            part("deferred", "rq:deferred:", "", "ZCARD"),
            part("failed", "rq:failed:", "", "ZCARD"),
        ],
    ),
    (
        "bullmq",
        &[
            part("waiting", "bull:", ":wait", "LLEN"),
            part("active", "bull:", ":active", "LLEN"),
            part("paused", "bull:", ":paused", "LLEN"),
            part("delayed", "bull:", ":delayed", "ZCARD"),
            part("prioritized", "bull:", ":prioritized", "ZCARD"),
            part("failed", "bull:", ":failed", "ZCARD"),
        ],
    ),
    ("sidekiq", &[part("waiting", "queue:", "", "LLEN")]),
];

/// A queue of some kind.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    kind: usize,
    key: Key,
}

pub(crate) fn parse(given: &[String]) -> Result<Vec<Queue>, ConfigError> {
    given
        .iter()
        .map(|text| {
            let found = text.split_once(':').and_then(|(kind, key)| {
                let kind = KINDS.iter().position(|(own, _)| *own == kind)?;
                Some(Queue { kind, key: list::one(key)? })
            });
            found.ok_or_else(|| {
                let kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
                ConfigError::new(format!(
                    "--queue={text}: write KIND:NAME or KIND:dbN=NAME; kinds: {}",
                    kinds.join(", ")
                ))
            })
        })
        .collect()
}

/// Puts all of them, one round trip a database. An absent key is an empty queue.
pub(crate) async fn put(page: &mut Page, nodes: &mut Nodes, scrape: &Scrape, queues: &[Queue]) {
    let mut databases: Vec<i64> = queues.iter().map(|queue| queue.key.db).collect();
    databases.sort_unstable();
    databases.dedup();
    for db in databases {
        let mut parts = Vec::new();
        for queue in queues.iter().filter(|queue| queue.key.db == db) {
            let (backend, own) = KINDS[queue.kind];
            for part in own {
                let (before, behind) = part.around;
                let key = [before.as_bytes(), &queue.key.name, behind.as_bytes()].concat();
                parts.push((queue, backend, part, key));
            }
        }
        let asks: Vec<_> = parts
            .iter()
            .map(|(_, _, part, key)| Ask {
                key,
                name: part.command,
                words: vec![part.command.as_bytes(), key],
            })
            .collect();
        let answers = nodes.ask(scrape, db, &asks).await;
        for ((queue, backend, part, _), answer) in parts.iter().zip(&answers) {
            if let Some(length) = answer.as_ref().and_then(reply::integer) {
                let db = queue.key.db_label();
                page.put(&LENGTH, [&db, &queue.key.name, backend, &part.state], length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_databases() {
        let queues = parse(&["list:task_queue".into(), "bullmq:db2=mail".into()]).unwrap();
        assert_eq!((queues[0].key.db, queues[1].key.db), (0, 2));
        for bad in ["task_queue", "kafka:x", "list:"] {
            let error = parse(&[bad.into()]).unwrap_err().to_string();
            assert!(error.contains(bad) && error.contains("bullmq"), "{error}");
        }
    }
}

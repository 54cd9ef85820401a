//! `--heartbeat=SOURCE:[dbN=]KEY`: when somebody was last heard of, from what he leaves in Redis.

use exporter_core::{ConfigError, Page, Scrape};
use redis::Value;
use std::time::SystemTime;

use super::time::epoch_seconds;
use crate::families::families;
use crate::keys::list::{self, Key};
use crate::keys::nodes::{Ask, Nodes};
use crate::keys::scan::{Pattern, Purpose};
use crate::reply;

families! { DESCS:
    LAST: 1 = gauge("agent_last_heartbeat_timestamp", "When an agent was last heard of, in seconds since 1970.", ["agent_name"]);
}

/// Members of a sorted set that are looked at.
const MOST_MEMBERS: &[u8] = b"999";

/// A rule that says where heartbeats are.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    source: Source,
    pub(crate) key: Key,
    /// What stands before and behind the agent's name; `None` where the key is the agent's.
    around: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    /// A string with the time.
    Text,
    /// A field of a hash with the time.
    Field(String),
    /// A sorted set: members are agents, scores are times.
    Scores,
    /// A key that expires these seconds after the beat.
    Expiry(f64),
}

pub(crate) fn parse(given: &[String]) -> Result<Vec<Heartbeat>, ConfigError> {
    given
        .iter()
        .map(|text| {
            one(text).ok_or_else(|| {
                ConfigError::new(format!(
                    "--heartbeat={text}: write string:KEY, hash/FIELD:KEY, zset:KEY or ttl/SECONDS:KEY; a * in KEY is the agent's name"
                ))
            })
        })
        .collect()
}

fn one(text: &str) -> Option<Heartbeat> {
    let (source, key) = text.split_once(':')?;
    let source = match source.split_once('/') {
        None if source == "string" => Source::Text,
        None if source == "zset" => Source::Scores,
        Some(("hash", field)) if !field.is_empty() => Source::Field(field.to_owned()),
        Some(("ttl", seconds)) => Source::Expiry(seconds.parse().ok().filter(|s| *s > 0.0)?),
        _ => return None,
    };
    let key = list::one(key)?;
    let around = key
        .name
        .iter()
        .position(|&byte| byte == b'*')
        .map(|at| (key.name[..at].to_vec(), key.name[at + 1..].to_vec()));
    Some(Heartbeat { source, key, around })
}

impl Heartbeat {
    /// What finds its keys, where it has a pattern.
    pub(crate) fn pattern(&self, tag: usize) -> Option<Pattern> {
        self.around.as_ref()?;
        let kind = match self.source {
            Source::Text | Source::Expiry(_) => "",
            Source::Field(_) => "hash",
            Source::Scores => "zset",
        };
        Some(Pattern { key: self.key.clone(), purpose: Purpose::Names, tag, kind })
    }

    fn agent<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        let named = self.around.as_ref().and_then(|(before, behind)| {
            key.strip_prefix(before.as_slice())?.strip_suffix(behind.as_slice())
        });
        named.unwrap_or(key)
    }

    fn ask<'a>(&'a self, key: &'a [u8]) -> Ask<'a> {
        let (name, words): (_, Vec<&[u8]>) = match &self.source {
            Source::Text => ("getrange", vec![b"GETRANGE", key, b"0", b"63"]),
            Source::Field(field) => ("hget", vec![b"HGET", key, field.as_bytes()]),
            Source::Scores => ("zrange", vec![b"ZRANGE", key, b"0", MOST_MEMBERS, b"WITHSCORES"]),
            Source::Expiry(_) => ("pttl", vec![b"PTTL", key]),
        };
        Ask { key, name, words }
    }

    fn put(&self, page: &mut Page, key: &[u8], answer: &Value, now: f64) {
        match &self.source {
            Source::Text | Source::Field(_) => {
                if let Some(at) = reply::text(answer).and_then(epoch_seconds) {
                    page.put(&LAST, [&self.agent(key)], at);
                }
            }
            Source::Scores => {
                for (member, score) in reply::pairs(answer) {
                    if let Some(at) = reply::text(score).and_then(epoch_seconds) {
                        page.put(&LAST, [&member], at);
                    }
                }
            }
            Source::Expiry(seconds) => {
                // Negative without expiry, or without the key.
                if let Some(left) = reply::number(answer).filter(|left| *left >= 0.0) {
                    page.put(&LAST, [&self.agent(key)], now - (seconds - left / 1000.0));
                }
            }
        }
    }
}

/// Puts all of them; `found` are keys of patterns, with the place of their rule.
pub(crate) async fn put(
    page: &mut Page,
    nodes: &mut Nodes,
    scrape: &Scrape,
    rules: &[Heartbeat],
    found: &[(usize, &Key)],
) {
    let now = scrape.now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    for (at, rule) in rules.iter().enumerate() {
        let keys: Vec<&[u8]> = match rule.around {
            None => vec![&rule.key.name],
            Some(_) => found.iter().filter(|(own, _)| *own == at).map(|(_, key)| &key.name[..]).collect(),
        };
        let asks: Vec<_> = keys.iter().map(|key| rule.ask(key)).collect();
        let answers = nodes.ask(scrape, rule.key.db, &asks).await;
        for (key, answer) in keys.iter().zip(&answers) {
            if let Some(answer) = answer {
                rule.put(page, key, answer, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let rule = one("hash/last_seen:db2=agent:*:state").unwrap();
        assert_eq!((rule.source.clone(), rule.key.db), (Source::Field("last_seen".into()), 2));
        assert_eq!(rule.agent(b"agent:north:state"), b"north");
        assert_eq!(one("ttl/60:beat").unwrap().agent(b"beat"), b"beat");
        for bad in ["string", "hash:a", "ttl/x:a", "ttl/0:a", "other:a", "hash/:a"] {
            assert!(one(bad).is_none(), "{bad}");
        }
    }
}

//! Groups of keys, by what patterns capture in their names: how many there are and what memory they take. A pass over all
//! keys of all databases, which may take many scrapes, as a search does (see `scan`).

use exporter_core::{ConfigError, Family, Page, Scrape};
use redis::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::lua_pattern::LuaPattern;
use super::nodes::{Ask, Nodes};
use crate::families::families;
use crate::info::Info;
use crate::reply;
use crate::session::Batch;
use crate::trouble::Trouble;

families! { DESCS:
    COUNT: 2 = gauge("redis_key_group_count", "Keys of a group.", ["db", "key_group"]);
    MEMORY: 2 = gauge("redis_key_group_memory_usage_bytes", "Memory of the keys of a group, in bytes.", ["db", "key_group"]);
    DISTINCT: 1 = gauge("redis_number_of_distinct_key_groups", "Groups of keys in a database.", ["db"]);
    AGE: 0 = gauge("redis_exporter_key_groups_age_seconds", "Since that pass was finished, in seconds.", []);
}

/// There also where nobody asks for groups, as the peer has it.
pub(crate) static DURATION: Family<0> = Family::gauge(
    "redis_last_key_groups_scrape_duration_milliseconds",
    "Duration of the last finished pass over all keys to group them, in milliseconds.",
    &[],
);

/// Keys that no pattern fits.
const REST: &[u8] = b"unclassified";
/// Groups beyond those that are shown, together.
const OVERFLOW: &[u8] = b"overflow";
/// Groups a pass remembers in one database: names come from keys. What comes later counts as overflow.
const MOST_GROUPS: usize = 10_000;
/// What a pass has found is shown for so long when the next ones fail.
const STALE: Duration = Duration::from_secs(300);

/// How keys are grouped.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    patterns: Vec<LuaPattern>,
    /// Groups that are shown of one database, by memory.
    most: usize,
    pub(crate) budget: Duration,
    batch: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Group {
    keys: u64,
    bytes: u64,
}

/// The groups of one database.
#[derive(Debug, Default)]
struct Database {
    db: i64,
    groups: HashMap<Vec<u8>, Group>,
    overflow: Group,
    /// Groups, with those that were not remembered; each of them counts as one.
    distinct: u64,
}

/// Passes over all keys, one after the other.
pub(crate) struct Groups {
    rules: Rules,
    /// The pass under way: the databases to come, the last one is looked at now.
    databases: Vec<i64>,
    node: usize,
    cursor: Vec<u8>,
    now: Vec<Database>,
    began: Option<Instant>,
    last: Option<(Vec<Database>, Instant, Duration)>,
}

impl Rules {
    /// `None` where there are no patterns.
    pub(crate) fn new(
        patterns: &str,
        most: usize,
        budget: Duration,
        batch: usize,
    ) -> Result<Option<Self>, ConfigError> {
        let parse = |pattern: &String| {
            LuaPattern::parse(pattern).map_err(|what| {
                ConfigError::new(format!("--check-key-groups: {pattern:?}: {what}; it is a pattern of Lua"))
            })
        };
        let patterns = split(patterns).iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok((!patterns.is_empty()).then_some(Self { patterns, most, budget, batch }))
    }

    fn group(&self, key: &[u8]) -> Vec<u8> {
        self.patterns.iter().find_map(|pattern| pattern.captured(key)).unwrap_or_else(|| REST.to_vec())
    }
}

/// Comma-separated; a pattern with a comma stands in double quotes.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(String::new()),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(c)),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

impl Database {
    fn add(&mut self, group: Vec<u8>, bytes: u64) {
        let is_full = self.groups.len() >= MOST_GROUPS;
        let place = match self.groups.get_mut(&group) {
            Some(place) => place,
            None if is_full => {
                self.distinct += 1;
                &mut self.overflow
            }
            None => {
                self.distinct += 1;
                self.groups.entry(group).or_default()
            }
        };
        place.keys += 1;
        place.bytes += bytes;
    }

    /// The largest ones by themselves, the others together.
    fn trim(&mut self, most: usize) {
        let mut all: Vec<(Vec<u8>, Group)> = self.groups.drain().collect();
        all.sort_unstable_by(|a, b| (b.1.bytes, &a.0).cmp(&(a.1.bytes, &b.0)));
        for (_, group) in all.drain(most.min(all.len())..) {
            self.overflow.keys += group.keys;
            self.overflow.bytes += group.bytes;
        }
        if self.overflow.keys > 0 {
            all.push((OVERFLOW.to_vec(), self.overflow));
        }
        self.groups = all.into_iter().collect();
    }
}

impl Groups {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            databases: Vec::new(),
            node: 0,
            cursor: b"0".to_vec(),
            now: Vec::new(),
            began: None,
            last: None,
        }
    }

    /// Goes on with the pass until it or the budget is over.
    pub(crate) async fn advance(&mut self, nodes: &mut Nodes, scrape: &Scrape) -> Result<(), Trouble> {
        let result = self.go_on(nodes, scrape).await;
        if result.is_err() {
            self.restart();
            self.last.take_if(|(_, finished, _)| finished.elapsed() > STALE);
        }
        result
    }

    async fn go_on(&mut self, nodes: &mut Nodes, scrape: &Scrape) -> Result<(), Trouble> {
        let budget = self.rules.budget;
        let started = Instant::now();
        if self.began.is_none() {
            self.databases = used(nodes, scrape).await?;
            self.began = Some(started);
        }
        while let Some(&db) = self.databases.last() {
            // Before the first pass is over there is nothing to show, so it may take a little more.
            let patience = if self.last.is_none() { 4 } else { 1 };
            if started.elapsed() > budget * patience || scrape.remaining() < budget {
                return Ok(());
            }
            self.step(nodes, scrape, db).await?;
        }
        let took = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let mut found = std::mem::take(&mut self.now);
        found.iter_mut().for_each(|database| database.trim(self.rules.most));
        self.last = Some((found, Instant::now(), took));
        self.restart();
        Ok(())
    }

    fn restart(&mut self) {
        (self.node, self.began) = (0, None);
        self.cursor = b"0".to_vec();
        self.databases.clear();
        self.now.clear();
    }

    async fn step(&mut self, nodes: &mut Nodes, scrape: &Scrape, db: i64) -> Result<(), Trouble> {
        let count = self.rules.batch.to_string();
        let batch = Batch::of("scan", &[b"SCAN", &self.cursor, b"COUNT", count.as_bytes()]);
        let reply = match nodes.ask_node(scrape, self.node, db, &batch).await {
            Ok(reply) => reply,
            // The other masters' keys are still there; the collector says that some are missing.
            Err(trouble) if nodes.len() > 1 => {
                nodes.trouble = Some(trouble);
                None
            }
            Err(trouble) => return Err(trouble),
        };
        let (cursor, names) = match reply.as_ref().map(reply::items) {
            Some([cursor, names]) => (reply::bytes(cursor).unwrap_or(b"0"), reply::items(names)),
            _ => (&b"0"[..], &[][..]),
        };
        let names: Vec<&[u8]> = names.iter().filter_map(reply::bytes).collect();
        let asks: Vec<_> = names
            .iter()
            .map(|key| Ask { key, name: "memory usage", words: vec![b"MEMORY", b"USAGE", key] })
            .collect();
        let memory = nodes.ask(scrape, db, &asks).await;
        if self.now.last().is_none_or(|database| database.db != db) {
            self.now.push(Database { db, ..Database::default() });
        }
        if let Some(database) = self.now.last_mut() {
            for (name, memory) in names.iter().zip(&memory) {
                let bytes = memory.as_ref().and_then(reply::integer).and_then(|n| u64::try_from(n).ok());
                // Gone meanwhile, unless memory may not be asked for.
                if !matches!(memory, Some(Value::Nil)) {
                    database.add(self.rules.group(name), bytes.unwrap_or(0));
                }
            }
        }
        self.cursor = cursor.to_vec();
        if self.cursor == b"0" {
            self.node += 1;
            if self.node >= nodes.len() {
                self.node = 0;
                self.databases.pop();
            }
        }
        Ok(())
    }

    pub(crate) fn put(&self, page: &mut Page) {
        let Some((databases, finished, took)) = &self.last else { return };
        for database in databases {
            let db = format!("db{}", database.db);
            for (name, group) in &database.groups {
                page.put(&COUNT, [&db, name], group.keys);
                page.put(&MEMORY, [&db, name], group.bytes);
            }
            page.put(&DISTINCT, [&db], database.distinct);
        }
        page.put(&DURATION, [], took.as_millis() as f64);
        page.put(&AGE, [], finished.elapsed().as_secs_f64());
    }
}

/// The databases that have keys. In a cluster there is one.
async fn used(nodes: &mut Nodes, scrape: &Scrape) -> Result<Vec<i64>, Trouble> {
    if nodes.is_cluster() {
        return Ok(vec![0]);
    }
    let batch = Batch::of("info", &[b"INFO", b"KEYSPACE"]);
    let answer = nodes.ask_node(scrape, 0, 0, &batch).await?;
    let text = answer.as_ref().and_then(reply::bytes).unwrap_or_default();
    let number = |name: &[u8]| std::str::from_utf8(name.strip_prefix(b"db")?).ok()?.parse().ok();
    Ok(Info::parse(text).databases.iter().rev().filter_map(|database| number(database.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_commas_and_without() {
        assert_eq!(split(r#"^a:(%d),"(x,y)",,"#), ["^a:(%d)", "(x,y)"]);
        assert!(split("").is_empty());
        let error = Rules::new("^(a", 1, Duration::ZERO, 1).unwrap_err().to_string();
        assert!(error.contains("check-key-groups") && error.contains("(a"), "{error}");
    }

    #[test]
    fn the_largest_are_shown_and_the_rest_together() {
        let mut database = Database::default();
        for (group, bytes) in [("a", 10), ("b", 30), ("a", 10), ("c", 5), ("d", 1)] {
            database.add(group.into(), bytes);
        }
        database.trim(2);
        let of = |name: &str| database.groups.get(name.as_bytes()).copied();
        assert_eq!(of("a"), Some(Group { keys: 2, bytes: 20 }));
        assert_eq!(of("overflow"), Some(Group { keys: 2, bytes: 6 }));
        assert_eq!((database.groups.len(), database.distinct), (3, 4));
    }

    #[test]
    fn strangers_names_cannot_fill_the_memory() {
        let mut database = Database::default();
        for number in 0..MOST_GROUPS + 100 {
            database.add(number.to_string().into(), 1);
        }
        assert_eq!((database.groups.len(), database.overflow.keys), (MOST_GROUPS, 100));
    }
}

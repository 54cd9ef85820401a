//! `basic_auth_users`: bcrypt, off the thread that serves, one at a time, for so many waiting and no more. A login that
//! was right once is known from then on and costs no bcrypt; nor does one that was wrong a moment ago.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bcrypt::HashParts;
use hyper::header::HeaderValue;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::file::Hidden;
use crate::exporter::ConfigError;
use crate::secret::Secret;

/// Logins that may wait for their turn.
const MAX_WAITING: usize = 32;
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Logins remembered, of each kind.
const MAX_REMEMBERED: usize = 64;
/// Some ten seconds of computing; what costs more is only a way to stop the server.
const MAX_COST: u32 = 18;

/// Who may come in.
#[derive(Debug)]
pub(crate) struct Users {
    hashes: HashMap<String, Stored>,
    /// The dearest hash; every check costs as much.
    cost: u32,
    turn: Arc<Semaphore>,
    waiting: Semaphore,
    remembered: Mutex<Remembered>,
    keys: [RandomState; 2],
}

#[derive(Debug)]
struct Stored {
    hash: Secret,
    cost: u32,
}

#[derive(Debug, Default)]
struct Remembered {
    right: VecDeque<u128>,
    wrong: VecDeque<u128>,
}

/// Whether a request may come in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Known,
    Wrong,
    /// Too many others are waiting for theirs.
    Busy,
}

impl Users {
    pub(super) fn new(users: Vec<(String, Hidden)>) -> Result<Self, ConfigError> {
        let mut hashes = HashMap::new();
        for (name, Hidden(hash)) in users {
            let bad = |what: &str| ConfigError::new(format!("basic_auth_users.{name}: {what}"));
            let parts: HashParts = hash.expose().parse().map_err(|_| {
                bad("no bcrypt hash; `htpasswd -nBC 10 USER` makes one (the part behind the colon)")
            })?;
            let cost = parts.get_cost();
            if !(4..=MAX_COST).contains(&cost) {
                return Err(bad(&format!("a bcrypt cost of {cost}: one of 4 to {MAX_COST} is needed")));
            }
            hashes.insert(name, Stored { hash, cost });
        }
        Ok(Self {
            cost: hashes.values().map(|stored| stored.cost).max().unwrap_or_default(),
            hashes,
            turn: Arc::new(Semaphore::new(1)),
            waiting: Semaphore::new(MAX_WAITING),
            remembered: Mutex::default(),
            keys: [RandomState::new(), RandomState::new()],
        })
    }

    /// Looks at a request's `Authorization`.
    pub(crate) async fn verdict(self: &Arc<Self>, authorization: Option<&HeaderValue>) -> Verdict {
        let Some((name, password)) = authorization.and_then(credentials) else { return Verdict::Wrong };
        let login = self.digest(&name, password.expose());
        if let Some(verdict) = self.remembered().find(login) {
            return verdict;
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Verdict::Busy };
        let Ok(Ok(turn)) = timeout(MAX_WAIT, self.turn.clone().acquire_owned()).await else {
            return Verdict::Busy;
        };
        // The one before may have been the same.
        if let Some(verdict) = self.remembered().find(login) {
            return verdict;
        }
        let users = self.clone();
        let check = tokio::task::spawn_blocking(move || {
            let verdict = users.check(&name, password.expose());
            users.remembered().put(login, verdict);
            // The turn ends here: a client that has gone away does not let a second check start.
            drop(turn);
            verdict
        });
        check.await.unwrap_or(Verdict::Busy)
    }

    /// Costs the same for every name, known or not: as much as the dearest hash.
    fn check(&self, name: &str, password: &str) -> Verdict {
        let stored = self.hashes.get(name);
        let right =
            stored.is_some_and(|stored| bcrypt::verify(password, stored.hash.expose()).unwrap_or_default());
        for cost in self.padding(stored) {
            burn(password, cost);
        }
        if right { Verdict::Known } else { Verdict::Wrong }
    }

    /// What is to be computed beside the name's own hash. Cost n takes 2^n rounds, and 2^a + 2^a + 2^(a+1) + ... +
    /// 2^(b-1) is 2^b.
    fn padding(&self, stored: Option<&Stored>) -> std::ops::Range<u32> {
        match stored {
            Some(stored) => stored.cost..self.cost,
            None => self.cost..self.cost + 1,
        }
    }

    /// What a login is remembered by: 128 bits under keys of this process.
    fn digest(&self, name: &str, password: &str) -> u128 {
        let [high, low] = self.keys.each_ref().map(|key| key.hash_one((name, password)));
        u128::from(high) << 64 | u128::from(low)
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn find(&self, login: u128) -> Option<Verdict> {
        if self.right.contains(&login) {
            return Some(Verdict::Known);
        }
        self.wrong.contains(&login).then_some(Verdict::Wrong)
    }

    /// Wrong ones never push right ones out.
    fn put(&mut self, login: u128, verdict: Verdict) {
        let list = if verdict == Verdict::Known { &mut self.right } else { &mut self.wrong };
        if list.len() >= MAX_REMEMBERED {
            list.pop_front();
        }
        list.push_back(login);
    }
}

fn burn(password: &str, cost: u32) {
    let salt = *b"every name costs";
    std::hint::black_box(bcrypt::hash_with_salt(password, cost, salt).is_ok());
}

/// Name and password of `Basic ...`.
fn credentials(header: &HeaderValue) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(given: &[(&str, String)]) -> Result<Arc<Users>, ConfigError> {
        let hidden = |(name, hash): &(&str, String)| ((*name).to_owned(), Hidden(Secret::new(hash.clone())));
        Users::new(given.iter().map(hidden).collect()).map(Arc::new)
    }

    fn hash(password: &str, cost: u32, prefix: &str) -> String {
        let made = bcrypt::hash(password, cost).unwrap();
        format!("{prefix}{}", &made[4..])
    }

    fn basic(login: &str) -> HeaderValue {
        HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(login))).unwrap()
    }

    fn ask(users: &Arc<Users>, header: &HeaderValue) -> Verdict {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(users.verdict(Some(header)))
    }

    #[test]
    fn every_spelling_of_bcrypt() {
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let users = users(&[("alice", hash("wonderland", 4, prefix))]).unwrap();
            for _ in 0..2 {
                assert_eq!(ask(&users, &basic("alice:wonderland")), Verdict::Known, "{prefix}");
                assert_eq!(ask(&users, &basic("alice:Wonderland")), Verdict::Wrong);
                assert_eq!(ask(&users, &basic("bob:wonderland")), Verdict::Wrong);
            }
        }
    }

    #[test]
    fn what_is_no_login_is_wrong() {
        let users = users(&[("alice", hash("", 4, "$2y$"))]).unwrap();
        assert_eq!(ask(&users, &basic("alice:")), Verdict::Known);
        for header in ["", "Basic", "Basic ", "Bearer x", "Basic !!!", "Basic YWxpY2U=", "Basic //8="] {
            assert_eq!(ask(&users, &HeaderValue::from_static(header)), Verdict::Wrong, "{header}");
        }
        let lower = HeaderValue::from_static("basic YWxpY2U6");
        assert_eq!(ask(&users, &lower), Verdict::Known);
    }

    #[test]
    fn a_bad_hash_is_named_by_its_user_only() {
        for bad in ["hunter2", "", "$2y$10$short", "$1$2$3"] {
            let error = users(&[("alice", bad.to_owned())]).unwrap_err().to_string();
            assert!(error.contains("basic_auth_users.alice"), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        let dear = hash("x", 4, "$2y$").replacen("$04$", "$31$", 1);
        assert!(users(&[("alice", dear)]).unwrap_err().to_string().contains("cost of 31"));
    }

    #[test]
    fn every_name_costs_the_same() {
        let users = users(&[("cheap", hash("a", 4, "$2y$")), ("dear", hash("b", 9, "$2y$"))]).unwrap();
        for name in ["cheap", "dear", "unknown"] {
            let stored = users.hashes.get(name);
            let own = stored.map_or(0, |stored| 1_u64 << stored.cost);
            let rounds = own + users.padding(stored).map(|cost| 1_u64 << cost).sum::<u64>();
            assert_eq!(rounds, 1 << 9, "{name}");
            assert_eq!(users.check(name, "nonsense"), Verdict::Wrong);
        }
        assert_eq!(users.check("cheap", "a"), Verdict::Known);
    }

    #[test]
    fn wrong_logins_do_not_make_right_ones_forgotten() {
        let users = users(&[("alice", hash("wonderland", 4, "$2y$"))]).unwrap();
        assert_eq!(ask(&users, &basic("alice:wonderland")), Verdict::Known);
        for attempt in 0..3 * MAX_REMEMBERED {
            assert_eq!(ask(&users, &basic(&format!("alice:{attempt}"))), Verdict::Wrong);
        }
        let login = users.digest("alice", "wonderland");
        assert_eq!(users.remembered().find(login), Some(Verdict::Known));
        assert!(users.remembered().wrong.len() <= MAX_REMEMBERED);
    }

    #[test]
    fn a_full_queue_says_so_and_known_logins_pass_it() {
        let users = users(&[("alice", hash("wonderland", 4, "$2y$"))]).unwrap();
        assert_eq!(ask(&users, &basic("alice:wonderland")), Verdict::Known);
        let _all = users.waiting.try_acquire_many(MAX_WAITING as u32).unwrap();
        assert_eq!(ask(&users, &basic("alice:other")), Verdict::Busy);
        assert_eq!(ask(&users, &basic("alice:wonderland")), Verdict::Known);
    }
}

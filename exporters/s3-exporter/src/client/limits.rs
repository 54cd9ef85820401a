//! What keeps a sick server from being asked without end, and a bill from growing.

use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

use super::failure::Failure;
use crate::clock;

const CAPACITY: u32 = 500;
const COST: u32 = 5;
/// A server that does not answer at all costs most to ask again.
const TIMEOUT_COST: u32 = 10;

/// Pays for asking again: each success brings some back, so that retries stay few beside requests that succeed.
#[derive(Debug)]
pub(crate) struct Retries(Mutex<u32>);

impl Default for Retries {
    fn default() -> Self {
        Self(Mutex::new(CAPACITY))
    }
}

impl Retries {
    pub(crate) fn take(&self, failure: &Failure) -> bool {
        let cost = if failure.code == "timeout" { TIMEOUT_COST } else { COST };
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = *left >= cost;
        if enough {
            *left -= cost;
        }
        enough
    }

    pub(crate) fn succeeded(&self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + 1).min(CAPACITY);
    }
}

/// Requests of a day, by UTC. Kept over restarts: a crash loop must not start the day anew each time.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Spent {
    pub(crate) day: i64,
    pub(crate) requests: u64,
}

#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) daily: Option<u64>,
    spent: Mutex<Spent>,
}

impl Budget {
    pub(crate) fn new(daily: Option<u64>) -> Self {
        Self { daily, spent: Mutex::default() }
    }

    pub(crate) fn restore(&self, spent: Spent) {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) = spent;
    }

    pub(crate) fn spent(&self) -> Spent {
        let today = clock::today();
        let spent = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.day == today { spent } else { Spent { day: today, requests: 0 } }
    }

    /// Counts one; `false` where it is more than today has. What must go out all the same is counted too.
    pub(crate) fn take(&self, must: bool) -> bool {
        let today = clock::today();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.day != today {
            *spent = Spent { day: today, requests: 0 };
        }
        let is_within = self.daily.is_none_or(|daily| spent.requests < daily);
        if is_within || must {
            spent.requests += 1;
        }
        is_within || must
    }

    /// What is left today; `None` without a limit.
    pub(crate) fn remaining(&self) -> Option<u64> {
        self.daily.map(|daily| daily.saturating_sub(self.spent().requests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_run_dry_and_come_back() {
        let retries = Retries::default();
        let slow = Failure::new("SlowDown", "");
        assert_eq!((0..200).filter(|_| retries.take(&slow)).count(), 100);
        (0..9).for_each(|_| retries.succeeded());
        assert!(!retries.take(&Failure::new("timeout", "")) && retries.take(&slow));
    }

    #[test]
    fn a_budget_leaves_out_what_can_wait() {
        let budget = Budget::new(Some(2));
        assert_eq!(
            [budget.take(false), budget.take(false), budget.take(false), budget.take(true)],
            [true, true, false, true]
        );
        assert_eq!((budget.remaining(), budget.spent().requests), (Some(0), 3));
        budget.restore(Spent { day: clock::today() - 1, requests: 7 });
        assert_eq!(budget.remaining(), Some(2));
    }
}

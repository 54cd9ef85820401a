//! What cannot be looked at: told to the log when it begins, when its reason changes, and when it is over.

use std::collections::BTreeMap;

/// By thing, the reason that was told.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<String, String>);

impl Troubles {
    /// Takes how a thing fares: well, or why not.
    pub(super) fn tell(&mut self, what: impl Into<String>, why: Option<String>) {
        let what = what.into();
        match why {
            Some(why) => {
                if self.0.get(&what) != Some(&why) {
                    tracing::warn!(what, why, "cannot be looked at");
                    self.0.insert(what, why);
                }
            }
            None => {
                if self.0.remove(&what).is_some() {
                    tracing::info!(what, "can be looked at again");
                }
            }
        }
    }
}

//! The words of health bodies and what they mean.

use std::collections::BTreeMap;

/// Texts that health endpoints use. Anything else is `unknown`.
const STATES: &[(&str, State)] = &[
    ("healthy", State::Up),
    ("ok", State::Up),
    ("up", State::Up),
    ("pass", State::Up),
    ("connected", State::Up),
    ("accessible", State::Up),
    ("active", State::Up),
    ("available", State::Up),
    ("running", State::Up),
    ("ready", State::Up),
    ("degraded", State::Impaired),
    ("stale", State::Impaired),
    ("warn", State::Impaired),
    ("warning", State::Impaired),
    ("idle", State::Impaired),
    ("unhealthy", State::Down),
    ("down", State::Down),
    ("fail", State::Down),
    ("failed", State::Down),
    ("error", State::Down),
    ("disconnected", State::Down),
    ("inaccessible", State::Down),
    ("unavailable", State::Down),
    ("inactive", State::Down),
    ("offline", State::Down),
    ("stopped", State::Down),
    ("out_of_service", State::Down),
    ("unknown", State::Down),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Up,
    Impaired,
    Down,
}

/// The texts and what they mean.
#[derive(Clone, Debug)]
pub(crate) struct States(BTreeMap<String, State>);

impl States {
    pub(crate) fn new(more: &BTreeMap<String, u8>) -> Self {
        let own = more
            .iter()
            .map(|(text, up)| (text.to_lowercase(), if *up > 0 { State::Up } else { State::Down }));
        let known = STATES.iter().map(|(text, state)| ((*text).to_owned(), *state));
        Self(known.chain(own).collect())
    }

    pub(super) fn find(&self, text: &str) -> Option<(&str, State)> {
        let text = text.trim().to_lowercase();
        self.0.get_key_value(&text).map(|(text, state)| (text.as_str(), *state))
    }
}

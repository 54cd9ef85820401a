//! What came for a batch of commands.

use exporter_core::CollectError;
use redis::{RedisResult, Value};
use std::ops::Range;

use crate::trouble::Trouble;

/// What one command of a batch got.
pub(crate) type Reply = RedisResult<Value>;

/// Replies in the order of the commands, each with the name of its command. One that was refused costs its own series
/// only: nothing is read by its place.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    pub(crate) all: Vec<(&'static str, Slot)>,
    /// As they came, where some were left so.
    pub(crate) bytes: Vec<u8>,
}

/// What came for one command.
#[derive(Debug)]
pub(crate) enum Slot {
    Value(Reply),
    /// Good, and left as it came; where it is.
    Raw(Range<usize>),
}

impl Slot {
    pub(crate) fn value(&self) -> Option<&Reply> {
        match self {
            Slot::Value(reply) => Some(reply),
            Slot::Raw(_) => None,
        }
    }
}

impl Replies {
    /// The reply to the command of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Value, CollectError> {
        let mut values = self.all.iter().filter_map(|(own, slot)| Some((own, slot.value()?)));
        match values.find(|(own, _)| **own == name) {
            Some((_, Ok(value))) => Ok(value),
            Some((_, Err(error))) => Err(CollectError::failed(Trouble::redis(error).to_string())),
            None => {
                Err(CollectError::no_data("not asked for: the server does not have it, or has refused it"))
            }
        }
    }

    /// The bytes of the reply to the command of this name, which was [added](crate::session::Batch::add_raw) to be left as it comes.
    pub(crate) fn raw(&self, name: &str) -> Result<&[u8], CollectError> {
        let raw = self.all.iter().find_map(|(own, slot)| match slot {
            Slot::Raw(place) if *own == name => self.bytes.get(place.clone()),
            _ => None,
        });
        raw.map_or_else(|| self.get(name).map(|_| &[][..]), Ok)
    }

    /// What the server answered instead, where it did.
    pub(crate) fn trouble(&self, name: &str) -> Option<Trouble> {
        let (_, slot) = self.all.iter().find(|(own, _)| *own == name)?;
        slot.value()?.as_ref().err().map(Trouble::redis)
    }

    /// Good replies to all commands of this name, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Value> + Clone {
        let named = self.all.iter().filter(move |(own, _)| *own == name);
        named.filter_map(|(_, slot)| slot.value()?.as_ref().ok())
    }

    /// All of them, in order, but for those that were left as they came.
    pub(crate) fn into_values(self) -> impl Iterator<Item = Reply> {
        self.all.into_iter().filter_map(|(_, slot)| match slot {
            Slot::Value(reply) => Some(reply),
            Slot::Raw(_) => None,
        })
    }
}

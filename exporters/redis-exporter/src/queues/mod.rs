//! Queues that live in Redis: how long they are, who works on them, who was last heard of.

pub(crate) mod celery;
pub(crate) mod heartbeat;
pub(crate) mod plain;
pub(crate) mod time;
pub(crate) mod workers;

//! Standbys, slots and subscriptions.

use exporter_core::{CollectError, Family, Page};
use tokio_postgres::Row;

use super::State;
use crate::select::{Column, Query, Select, collector, counter, gauge, labels, untyped};
use crate::server::Server;

collector!(pub(super) REPLICATION = "replication", on: true, columns: [LAG_COLUMNS], families: [], dynamic: []);
collector!(pub(super) SLOTS = "replication_slots", on: true, columns: [SLOT_COLUMNS, POSITION_COLUMNS],
    families: [WAL_STATUS.desc()], dynamic: []);
collector!(pub(super) STAT_REPLICATION = "stat_replication", on: true, columns: [STANDBY_COLUMNS], families: [], dynamic: []);
collector!(pub(super) WAL_RECEIVER = "stat_wal_receiver", on: true, columns: [RECEIVER_COLUMNS], families: [], dynamic: []);
collector!(pub(super) SUBSCRIPTION = "stat_subscription", on: true, columns: [SUBSCRIPTION_COLUMNS], families: [], dynamic: []);

const LAG_COLUMNS: &[Column<0>] = &[
    gauge(
        "pg_replication_lag_seconds",
        &[],
        "How far a standby is behind; 0 when it has replayed all it has received.",
        "CASE WHEN NOT pg_is_in_recovery() THEN 0 WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
         ELSE greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) END",
    ),
    gauge("pg_replication_is_replica", &[], "Whether the server is a standby.", "pg_is_in_recovery()::int"),
    gauge(
        "pg_replication_last_replay_seconds",
        &[],
        "Time since the last transaction was replayed.",
        "greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp()))",
    ),
];
pub(super) static LAG: Select<0> = Select::new([], LAG_COLUMNS, "(VALUES (1)) AS one");

/// The server's newest position: what it has written, or as a standby received.
macro_rules! current {
    () => {
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"
    };
}

const SLOT: &[&str; 2] = &["slot_name", "database"];
const TYPED: &[&str; 2] = &["slot_name", "slot_type"];

const SLOT_COLUMNS: &[Column<2>] = &[
    gauge("pg_replication_slots_active", SLOT, "Whether somebody reads from the slot.", "active::int"),
    gauge(
        "pg_replication_slots_pg_wal_lsn_diff",
        SLOT,
        "Bytes of WAL that the slot keeps.",
        concat!("pg_wal_lsn_diff(", current!(), ", restart_lsn)"),
    ),
];
pub(super) static SLOTS_OF: Select<2> =
    Select::new(["slot_name", "database"], SLOT_COLUMNS, "pg_replication_slots").legacy();

const POSITION_COLUMNS: &[Column<2>] = &[
    gauge(
        "pg_replication_slots_slot_current_wal_lsn",
        TYPED,
        "The server's position in the WAL, in bytes.",
        concat!("(", current!(), ") - '0/0'"),
    ),
    gauge(
        "pg_replication_slots_slot_confirmed_flush_lsn",
        TYPED,
        "Position that the reader of an active slot has confirmed, in bytes.",
        "CASE WHEN active THEN coalesce(confirmed_flush_lsn, '0/0') - '0/0' END",
    ),
    gauge(
        "pg_replication_slots_slot_is_active",
        TYPED,
        "Whether somebody reads from the slot.",
        "active::int",
    ),
    gauge(
        "pg_replication_slots_safe_wal_size_bytes",
        TYPED,
        "Bytes of WAL until the slot may be lost.",
        "safe_wal_size",
    )
    .since(130_000),
    gauge(
        "pg_replication_slots_inactive_since_timestamp_seconds",
        TYPED,
        "When the slot was last read from, in seconds since 1970.",
        "extract(epoch FROM inactive_since)",
    )
    .since(170_000),
    gauge(
        "pg_replication_slots_invalid",
        TYPED,
        "Whether the slot is lost for good.",
        "(wal_status = 'lost')::int",
    )
    .since(130_000),
];
pub(super) static SLOT_POSITIONS: Select<2> =
    Select::new(["slot_name", "slot_type"], POSITION_COLUMNS, "pg_replication_slots").slots();

static WAL_STATUS: Family<3> = Family::gauge(
    "pg_replication_slots_wal_status",
    "Whether the WAL that the slot needs is there; always 1.",
    &["slot_name", "slot_type", "wal_status"],
);

/// The status as a label.
pub(super) struct SlotStatus;
pub(super) static SLOT_STATUS: SlotStatus = SlotStatus;

impl Query for SlotStatus {
    fn sql(&self, server: &Server) -> Option<String> {
        (server.version >= 130_000).then(|| {
            "SELECT slot_name::text, slot_type, wal_status FROM pg_replication_slots WHERE wal_status IS NOT NULL"
                .to_owned()
        })
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        _: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        for row in rows {
            let [name, kind, status] = labels(row)?;
            match &server.knobs.label {
                None => page.put(&WAL_STATUS, [&name, &kind, &status], 1.0),
                Some(_) => crate::compat::put_old_slot(page, WAL_STATUS.desc(), &[name, kind, status], 1.0)?,
            }
        }
        Ok(())
    }
}

const STANDBY: &[&str; 4] = &["application_name", "client_addr", "state", "slot_name"];

const STANDBY_COLUMNS: &[Column<4>] = &[
    gauge(
        "pg_stat_replication_pg_current_wal_lsn_bytes",
        STANDBY,
        "The server's position in the WAL, in bytes.",
        concat!("(", current!(), ") - '0/0'"),
    ),
    gauge(
        "pg_stat_replication_pg_wal_lsn_diff",
        STANDBY,
        "Bytes that the standby has not replayed yet.",
        concat!("pg_wal_lsn_diff(", current!(), ", r.replay_lsn)"),
    ),
    untyped(
        "pg_stat_replication_reply_time",
        STANDBY,
        "When the standby last reported, in seconds since 1970.",
        "extract(epoch FROM r.reply_time)",
    ),
    gauge(
        "pg_stat_replication_write_lag_seconds",
        STANDBY,
        "Time until the standby has written a commit.",
        "coalesce(extract(epoch FROM r.write_lag), 0)",
    ),
    gauge(
        "pg_stat_replication_flush_lag_seconds",
        STANDBY,
        "Time until the standby has a commit on disk.",
        "coalesce(extract(epoch FROM r.flush_lag), 0)",
    ),
    gauge(
        "pg_stat_replication_replay_lag_seconds",
        STANDBY,
        "Time until a commit is seen on the standby.",
        "coalesce(extract(epoch FROM r.replay_lag), 0)",
    ),
    gauge(
        "pg_stat_replication_is_sync",
        STANDBY,
        "Whether commits wait for this standby.",
        "(r.sync_state IN ('sync', 'quorum'))::int",
    ),
];
/// Several base backups at once look alike, so the rows are told apart where they must be.
pub(super) static STANDBYS: Select<4> = Select::new(
    ["r.application_name", "host(r.client_addr)", "r.state", "s.slot_name"],
    STANDBY_COLUMNS,
    "(SELECT DISTINCT ON (application_name, client_addr, state) * FROM pg_stat_replication \
     ORDER BY application_name, client_addr, state, replay_lsn) r \
     LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid",
)
.legacy();

const UPSTREAM: &[&str; 3] = &["upstream_host", "slot_name", "status"];

const RECEIVER_COLUMNS: &[Column<3>] = &[
    counter(
        "pg_stat_wal_receiver_receive_start_lsn",
        UPSTREAM,
        "Where receiving began, in bytes.",
        "(receive_start_lsn - '0/0') % (2 ^ 52)::bigint",
    ),
    counter(
        "pg_stat_wal_receiver_flushed_lsn",
        UPSTREAM,
        "What is on disk, in bytes.",
        "(flushed_lsn - '0/0') % (2 ^ 52)::bigint",
    )
    .since(130_000),
    gauge(
        "pg_stat_wal_receiver_receive_start_tli",
        UPSTREAM,
        "Timeline where receiving began.",
        "receive_start_tli",
    ),
    gauge(
        "pg_stat_wal_receiver_received_tli",
        UPSTREAM,
        "Timeline of the last position on disk.",
        "received_tli",
    ),
    counter(
        "pg_stat_wal_receiver_last_msg_send_time",
        UPSTREAM,
        "When the primary last sent, in seconds since 1970.",
        "extract(epoch FROM last_msg_send_time)",
    ),
    counter(
        "pg_stat_wal_receiver_last_msg_receipt_time",
        UPSTREAM,
        "When that was received, in seconds since 1970.",
        "extract(epoch FROM last_msg_receipt_time)",
    ),
    counter(
        "pg_stat_wal_receiver_latest_end_lsn",
        UPSTREAM,
        "The position last reported to the primary, in bytes.",
        "(latest_end_lsn - '0/0') % (2 ^ 52)::bigint",
    ),
    counter(
        "pg_stat_wal_receiver_latest_end_time",
        UPSTREAM,
        "When that was, in seconds since 1970.",
        "extract(epoch FROM latest_end_time)",
    ),
    gauge(
        "pg_stat_wal_receiver_upstream_node",
        UPSTREAM,
        "repmgr's number of the primary.",
        "substring(slot_name FROM 'repmgr_slot_([0-9]+)')",
    ),
];
pub(super) static RECEIVER: Select<3> = Select::new(
    ["trim(both '''' FROM substring(conninfo FROM 'host=([^ ]*)'))", "slot_name", "status"],
    RECEIVER_COLUMNS,
    "pg_stat_wal_receiver",
);

const SUBSCRIPTION_COLUMNS: &[Column<2>] = &[
    gauge(
        "pg_stat_subscription_received_lsn",
        &["datname", "subname"],
        "Position received, in bytes.",
        "max(received_lsn - '0/0')",
    ),
    gauge(
        "pg_stat_subscription_last_message_age_seconds",
        &["datname", "subname"],
        "Time since the last message of the publisher.",
        "extract(epoch FROM now() - max(last_msg_receipt_time))",
    ),
    gauge("pg_stat_subscription_workers", &["datname", "subname"], "Workers at work.", "count(pid)"),
];
pub(super) static SUBSCRIPTIONS: Select<2> = Select::new(
    ["current_database()", "subname"],
    SUBSCRIPTION_COLUMNS,
    "pg_stat_subscription GROUP BY subname",
);

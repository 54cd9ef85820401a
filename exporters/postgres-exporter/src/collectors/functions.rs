//! Functions of one database, where `track_functions` has them counted: the dearest ones.

use crate::select::{Column, Select, collector, counter};

collector!(pub(super) FUNCTIONS = "stat_user_functions", on: true, columns: [COLUMNS], families: [], dynamic: []);

const FUNCTION: &[&str; 3] = &["datname", "schemaname", "funcname"];

const COLUMNS: &[Column<3>] = &[
    counter(
        "pg_stat_user_functions_calls_total",
        FUNCTION,
        "Calls of the function; of the 100 with the most time.",
        "f.calls",
    ),
    counter(
        "pg_stat_user_functions_seconds_total",
        FUNCTION,
        "Time in the function and what it called; of the 100 with the most time.",
        "f.total / 1000",
    ),
    counter(
        "pg_stat_user_functions_self_seconds_total",
        FUNCTION,
        "Time in the function itself; of the 100 with the most time.",
        "f.self / 1000",
    ),
];

/// Functions of one name and other arguments are told as one.
pub(super) static USE: Select<3> = Select::new(
    ["current_database()", "f.schemaname", "f.funcname"],
    COLUMNS,
    "(SELECT schemaname, funcname, sum(calls) AS calls, sum(total_time) AS total, sum(self_time) AS self \
     FROM pg_stat_user_functions GROUP BY 1, 2 ORDER BY sum(total_time) DESC, 1, 2 LIMIT 100) f",
);

//! Statements as data: which columns a server version has, and the family that each one fills.

use exporter_core::{CollectError, Desc, Family, Kind, LabelValue, Page};
use std::fmt::Write as _;
use tokio_postgres::Row;

use crate::collectors::State;
use crate::compat::{old_name, put_legacy, put_old, put_old_slot};
use crate::server::Server;

/// Something to ask a server, and what its rows mean.
pub(crate) trait Query: Sync {
    /// The statement for this server; `None` where it has nothing of the kind.
    fn sql(&self, server: &Server) -> Option<String>;

    /// Puts what the rows say.
    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        state: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError>;
}

/// A value column: an expression, the family it fills, and the server versions that have it.
#[derive(Debug)]
pub(crate) struct Column<const N: usize> {
    pub(crate) family: Family<N>,
    pub(crate) expression: &'static str,
    since: i32,
    before: i32,
    later: Option<(i32, &'static str)>,
}

impl<const N: usize> Column<N> {
    const fn new(
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str; N],
        help: &'static str,
        expression: &'static str,
    ) -> Self {
        Self {
            family: Family::new(kind, name, help, labels),
            expression,
            since: 0,
            before: i32::MAX,
            later: None,
        }
    }

    /// Servers of this `server_version_num` and later.
    pub(crate) const fn since(mut self, version: i32) -> Self {
        self.since = version;
        self
    }

    /// Servers before this `server_version_num`.
    pub(crate) const fn before(mut self, version: i32) -> Self {
        self.before = version;
        self
    }

    /// Another expression from this `server_version_num` on.
    pub(crate) const fn instead(mut self, version: i32, expression: &'static str) -> Self {
        self.later = Some((version, expression));
        self
    }

    fn expression(&self, server: &Server) -> &'static str {
        match self.later {
            Some((version, later)) if server.version >= version => later,
            _ => self.expression,
        }
    }

    fn is_in(&self, server: &Server) -> bool {
        (self.since..self.before).contains(&server.version)
    }
}

pub(crate) const fn counter<const N: usize>(
    name: &'static str,
    labels: &'static [&'static str; N],
    help: &'static str,
    expression: &'static str,
) -> Column<N> {
    Column::new(Kind::Counter, name, labels, help, expression)
}

pub(crate) const fn gauge<const N: usize>(
    name: &'static str,
    labels: &'static [&'static str; N],
    help: &'static str,
    expression: &'static str,
) -> Column<N> {
    Column::new(Kind::Gauge, name, labels, help, expression)
}

pub(crate) const fn untyped<const N: usize>(
    name: &'static str,
    labels: &'static [&'static str; N],
    help: &'static str,
    expression: &'static str,
) -> Column<N> {
    Column::new(Kind::Untyped, name, labels, help, expression)
}

/// The declarations of these columns, for a collector's list.
///
/// # Panics
/// At compile time: if there is no column, or the number is not `M`.
pub(crate) const fn descs<const N: usize, const M: usize>(
    columns: &'static [Column<N>],
) -> [&'static Desc; M] {
    assert!(columns.len() == M, "as many declarations as columns");
    let mut all = [columns[0].family.desc(); M];
    let mut at = 1;
    while at < M {
        all[at] = columns[at].family.desc();
        at += 1;
    }
    all
}

/// Declares a collector of selects' columns (constants), other families and dynamic ones.
macro_rules! collector {
    ($visibility:vis $name:ident = $text:literal, on: $on:literal, columns: [$($columns:ident),*], families: [$($family:expr),*], dynamic: [$($dynamic:expr),*]) => {
        $visibility static $name: exporter_core::Collector = exporter_core::Collector {
            name: $text,
            enabled: $on,
            families: {
                const PARTS: &[&[&exporter_core::Desc]] = &[
                    $({
                        const PART: [&exporter_core::Desc; $columns.len()] = crate::select::descs($columns);
                        &PART
                    },)*
                ];
                const OWN: &[&exporter_core::Desc] = &[$($family),*];
                const ALL: [&exporter_core::Desc; crate::select::total(PARTS) + OWN.len()] =
                    crate::select::flat(PARTS, OWN);
                &ALL
            },
            dynamic: &[$($dynamic),*],
        };
    };
}
pub(crate) use collector;

pub(crate) const fn total(parts: &[&[&'static Desc]]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < parts.len() {
        sum += parts[at].len();
        at += 1;
    }
    sum
}

static NONE: Desc = Desc { name: "none", kind: Kind::Untyped, help: "", labels: &[] };

pub(crate) const fn flat<const M: usize>(
    parts: &[&[&'static Desc]],
    own: &[&'static Desc],
) -> [&'static Desc; M] {
    let mut all = [&NONE; M];
    let (mut part, mut to) = (0, 0);
    while part < parts.len() {
        let mut at = 0;
        while at < parts[part].len() {
            all[to] = parts[part][at];
            to += 1;
            at += 1;
        }
        part += 1;
    }
    let mut at = 0;
    while at < own.len() {
        all[to] = own[at];
        to += 1;
        at += 1;
    }
    all
}

/// A statement of label expressions, value columns and what follows `FROM`.
#[derive(Debug)]
pub(crate) struct Select<const N: usize> {
    labels: [&'static str; N],
    columns: &'static [Column<N>],
    from: &'static str,
    later: Option<(i32, &'static str)>,
    since: i32,
    form: Form,
}

/// How a family looked in 0.19.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Same,
    /// With a `server` label.
    ServerLabel,
    /// `pg_replication_slot_*`.
    OldSlot,
}

impl<const N: usize> Select<N> {
    /// # Panics
    /// At compile time: if the columns' families do not name their labels alike.
    pub(crate) const fn new(
        labels: [&'static str; N],
        columns: &'static [Column<N>],
        from: &'static str,
    ) -> Self {
        let mut at = 1;
        while at < columns.len() {
            assert!(same(columns[0].family.desc().labels, columns[at].family.desc().labels), "labels alike");
            at += 1;
        }
        Self { labels, columns, from, later: None, since: 0, form: Form::Same }
    }

    /// Servers of this `server_version_num` and later.
    pub(crate) const fn since(mut self, version: i32) -> Self {
        self.since = version;
        self
    }

    /// Other relations from this `server_version_num` on.
    pub(crate) const fn instead(mut self, version: i32, from: &'static str) -> Self {
        self.later = Some((version, from));
        self
    }

    /// One of the families that carried a `server` label in 0.19.
    pub(crate) const fn legacy(mut self) -> Self {
        self.form = Form::ServerLabel;
        self
    }

    /// One of the families that were named otherwise in 0.19.
    pub(crate) const fn slots(mut self) -> Self {
        self.form = Form::OldSlot;
        self
    }
}

const fn same(a: &[&str], b: &[&str]) -> bool {
    let (mut at, mut same) = (0, a.len() == b.len());
    while same && at < a.len() {
        let (x, y) = (a[at].as_bytes(), b[at].as_bytes());
        same = x.len() == y.len();
        let mut byte = 0;
        while same && byte < x.len() {
            same = x[byte] == y[byte];
            byte += 1;
        }
        at += 1;
    }
    same
}

impl<const N: usize> Query for Select<N> {
    fn sql(&self, server: &Server) -> Option<String> {
        if server.version < self.since || !self.columns.iter().any(|column| column.is_in(server)) {
            return None;
        }
        let mut sql = "SELECT ".to_owned();
        for label in &self.labels {
            let _ = write!(sql, "({label})::text,");
        }
        for column in self.columns.iter().filter(|column| column.is_in(server)) {
            let _ = write!(sql, "({})::float8,", column.expression(server));
        }
        sql.pop();
        let from = match self.later {
            Some((version, later)) if server.version >= version => later,
            _ => self.from,
        };
        let _ = write!(sql, " FROM {from}");
        Some(sql)
    }

    fn fill(
        &self,
        rows: &[Row],
        server: &Server,
        _: &mut State,
        page: &mut Page,
    ) -> Result<(), CollectError> {
        let labels = rows.iter().map(labels::<N>).collect::<Result<Vec<_>, _>>()?;
        let form = if server.knobs.label.is_some() { self.form } else { Form::Same };
        let columns = || self.columns.iter().filter(|column| column.is_in(server)).enumerate();
        let Some((_, first)) = columns().next() else { return Ok(()) };
        // A row's labels stand on the page once, however many columns there are.
        let names = first.family.desc().labels;
        let set = |labels: &[&str; N]| {
            page.label_set(
                None,
                names.iter().copied().zip(labels.iter().map(|label| label as &dyn LabelValue)),
            )
        };
        let sets = labels.iter().map(set).collect::<Result<Vec<_>, _>>()?;
        for (at, column) in columns() {
            let desc = column.family.desc();
            let old = old_name(desc).filter(|_| server.knobs.old_names);
            for ((row, labels), set) in rows.iter().zip(&labels).zip(&sets) {
                let Some(value) = row.try_get::<_, Option<f64>>(N + at)? else { continue };
                if let Some(name) = old {
                    put_old(page, desc, name, labels, value)?;
                }
                match (form, server.knobs.label.as_deref()) {
                    (Form::ServerLabel, Some(server)) => put_legacy(page, desc, labels, server, value)?,
                    (Form::OldSlot, Some(_)) => put_old_slot(page, desc, labels, value)?,
                    _ => page.put_set(&column.family, *set, value),
                }
            }
        }
        Ok(())
    }
}

/// The first `N` columns as text; NULL is empty.
pub(crate) fn labels<const N: usize>(row: &Row) -> Result<[&str; N], tokio_postgres::Error> {
    let mut labels = [""; N];
    for (at, label) in labels.iter_mut().enumerate() {
        *label = row.try_get::<_, Option<&str>>(at)?.unwrap_or_default();
    }
    Ok(labels)
}

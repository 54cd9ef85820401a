//! Flags, the peer's among them, and the sources they ask for.

use exporter_core::{
    BoxedSource, ConfigError, Discovered, Flag, Lookups, Secret, Settings, SourceSpec, parse_duration,
};
use std::time::Duration;

use crate::collectors;
use crate::connect::{Connector, Limits};
use crate::databases::Selection;
use crate::dsn::{Dsn, Password};
use crate::server::{Knobs, StatementKnobs};
use crate::source::Postgres;
use crate::{freshness, pgbouncer, queries};

pub(crate) fn flags() -> Vec<Flag> {
    vec![
        Flag::value("dsn", "", "Connection string, key=value pairs or a URL; better in DATA_SOURCE_NAME.")
            .env("DATA_SOURCE_NAME"),
        Flag::value("dsn.uri", "", "HOST:PORT/DATABASE?OPTIONS, beside a user and a password.")
            .env("DATA_SOURCE_URI"),
        Flag::value("dsn.uri-file", "", "File with that.").env("DATA_SOURCE_URI_FILE").file(),
        Flag::value("dsn.user", "", "User, with --dsn.uri.").env("DATA_SOURCE_USER"),
        Flag::value("dsn.user-file", "", "File with the user.").env("DATA_SOURCE_USER_FILE").file(),
        Flag::value("dsn.password", "", "Password; better in --dsn.password-file.")
            .env("DATA_SOURCE_PASS")
            .hidden(),
        Flag::value("dsn.password-file", "", "File with the password, read again at each connect.")
            .env("DATA_SOURCE_PASS_FILE"),
        Flag::value("config.file", "postgres_exporter.yml", "File with auth_modules for /probe.").file(),
        Flag::list(
            "probe.allow",
            "Target that /probe may ask: a name, *.domain or a network, each with :PORT.",
        ),
        Flag::switch("auto-discover-databases", false, "Look at all databases of the server.")
            .env("PG_EXPORTER_AUTO_DISCOVER_DATABASES"),
        Flag::value("include-databases", "", "Only these, separated by commas; * stands for anything.")
            .env("PG_EXPORTER_INCLUDE_DATABASES"),
        Flag::value("exclude-databases", "", "Not these, separated by commas; * stands for anything.")
            .env("PG_EXPORTER_EXCLUDE_DATABASES"),
        Flag::value("max-connections", "10", "Connections for statistics at most, one a database."),
        Flag::value("extend.query-path", "", "queries.yaml with queries of your own.")
            .env("PG_EXPORTER_EXTEND_QUERY_PATH")
            .file(),
        Flag::list("freshness", "Table whose newest row is looked at: [DATABASE.]SCHEMA.TABLE.COLUMN."),
        Flag::value(
            "slow-query.thresholds",
            "1s,5s,30s,300s",
            "Ages from which on queries are counted as slow.",
        ),
        Flag::value(
            "timeout.connect",
            "2s",
            "How long to wait for the server to connect or show a sign of life.",
        ),
        Flag::value("timeout.statement", "3s", "How long one statement may take."),
        Flag::value("timeout.lock", "100ms", "How long one statement may wait for a lock."),
        Flag::value("collection-timeout", "1m", "Of the peer; here the scrape's own deadline counts.")
            .env("PG_EXPORTER_COLLECTION_TIMEOUT")
            .hidden(),
        Flag::value("compat", "", "0.19: the names and the server label of postgres_exporter before 0.20."),
        Flag::switch(
            "compat.old-names",
            false,
            "Also the names of before 0.15 that published dashboards ask for, pg_database_size for one.",
        ),
        Flag::switch("collector.replication_slot", true, "replication_slots as 0.19 named it.").hidden(),
        Flag::switch("collector.xlog_location", false, "Of the peer, for servers before 10.").hidden(),
        Flag::switch("disable-default-metrics", false, "Leave out what the peer has in default maps.")
            .env("PG_EXPORTER_DISABLE_DEFAULT_METRICS"),
        Flag::switch("disable-settings-metrics", false, "Leave out pg_settings_*.")
            .env("PG_EXPORTER_DISABLE_SETTINGS_METRICS"),
        Flag::value("metric-prefix", "pg", "Of the peer; only pg.").env("PG_EXPORTER_METRIC_PREFIX").hidden(),
        Flag::value("constantLabels", "", "Of the peer; labels of targets do this.")
            .env("PG_EXPORTER_CONSTANT_LABELS")
            .hidden(),
        Flag::switch("collector.stat_statements.include_query", false, "Export texts of statements."),
        Flag::value("collector.stat_statements.query_length", "120", "Longest text."),
        Flag::value("collector.stat_statements.limit", "100", "Statements to show."),
        Flag::value("collector.stat_statements.exclude_databases", "", "Not of these, separated by commas."),
        Flag::value(
            "collector.stat_statements.exclude_users",
            "",
            "Not of these users, separated by commas.",
        ),
    ]
}

/// The sources of one server; none where no server is named, which leaves `/probe`.
pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    for (flag, only) in [("metric-prefix", "pg"), ("constantLabels", "")] {
        if settings.text(flag) != only {
            return Err(ConfigError::new(format!("--{flag} is not supported: relabel in Prometheus")));
        }
    }
    let Some(dsn) = dsn(settings)? else {
        queries::check(settings)?;
        tracing::warn!("no server is named: only /probe answers; set --dsn or DATA_SOURCE_NAME");
        return Ok(Vec::new());
    };
    let lookups = Lookups::default();
    let connector = Connector { dsn, limits: limits(settings)?, policy: None, lookups, own_path: true };
    let mut specs = vec![of_server(settings, connector.clone())?];
    if pgbouncer::is_console(&connector.dsn) {
        return Ok(specs);
    }
    let user = Connector { own_path: false, ..connector };
    specs.extend(queries::sources(settings, &user)?);
    specs.extend(freshness::sources(settings, &user)?);
    Ok(specs)
}

/// The source of a server's statistics, or of PgBouncer's.
pub(crate) fn of_server(settings: &Settings, connector: Connector) -> Result<SourceSpec, ConfigError> {
    if pgbouncer::is_console(&connector.dsn) {
        return Ok(pgbouncer::source(connector));
    }
    let knobs = knobs(settings, &connector.dsn)?;
    let selection = Selection::new(settings)?;
    let spec = SourceSpec::new(collectors::switched_on(settings), move || {
        Ok(BoxedSource::new(Postgres::new(connector.clone(), selection.clone(), knobs.clone())))
    });
    Ok(collectors::with_ttls(spec))
}

/// The server that flags and the peer's variables name.
fn dsn(settings: &Settings) -> Result<Option<Dsn>, ConfigError> {
    let variable = |name: &str| std::env::var(name).ok();
    let whole = settings.text("dsn");
    if !whole.is_empty() {
        if whole.contains(",postgres") {
            return Err(ConfigError::new(
                "one connection string, one server: for more use several instances of the all-in-one, or /probe",
            ));
        }
        return Dsn::parse(whole, &variable).map(|dsn| Some(with_password(dsn, settings)));
    }
    let text = |name: &str| -> Result<String, ConfigError> {
        match settings.text(&format!("{name}-file")) {
            "" => Ok(settings.text(name).to_owned()),
            path => Secret::from_file(path).map(|secret| secret.expose().trim().to_owned()),
        }
    };
    let uri = text("dsn.uri")?;
    if uri.is_empty() {
        return Ok(None);
    }
    let dsn = Dsn::parse(&format!("postgresql://{}@{uri}", percent(&text("dsn.user")?)), &variable)?;
    Ok(Some(with_password(dsn, settings)))
}

/// One that stands in the connection string comes first, as the peer has it.
fn with_password(mut dsn: Dsn, settings: &Settings) -> Dsn {
    if matches!(dsn.password, Password::Given(_)) {
        return dsn;
    }
    match (settings.text("dsn.password-file"), settings.text("dsn.password")) {
        ("", "") => {}
        ("", password) => dsn.password = Password::Given(Secret::new(password)),
        (file, _) => dsn.password = Password::File(file.into()),
    }
    dsn
}

fn percent(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

pub(crate) fn limits(settings: &Settings) -> Result<Limits, ConfigError> {
    Ok(Limits {
        connect: settings.duration("timeout.connect")?,
        statement: settings.duration("timeout.statement")?,
        lock: settings.duration("timeout.lock")?,
    })
}

/// The value of the `server` label, where 0.19's names are wanted.
pub(crate) fn server_label(settings: &Settings, dsn: &Dsn) -> Result<Option<String>, ConfigError> {
    match settings.text("compat") {
        "" | "0.20" => Ok(None),
        "0.19" => Ok(Some(dsn.server())),
        other => Err(ConfigError::new(format!("--compat={other}: write 0.19, or nothing"))),
    }
}

fn knobs(settings: &Settings, dsn: &Dsn) -> Result<Knobs, ConfigError> {
    let label = server_label(settings, dsn)?;
    let thresholds = parts(settings.text("slow-query.thresholds"))
        .map(|part| {
            let age = parse_duration(part).map(|age| age.as_secs_f64());
            age.ok_or_else(|| {
                ConfigError::new(format!("--slow-query.thresholds: {part:?} is no duration like 5s or 2m"))
            })
        })
        .collect::<Result<_, _>>()?;
    let list = |name: &str| parts(settings.text(name)).map(str::to_owned).collect();
    let statements = StatementKnobs {
        limit: settings.number("collector.stat_statements.limit")?,
        query_length: settings.number("collector.stat_statements.query_length")?,
        exclude_databases: list("collector.stat_statements.exclude_databases"),
        exclude_users: list("collector.stat_statements.exclude_users"),
    };
    Ok(Knobs { label, old_names: settings.switch("compat.old-names"), thresholds, statements })
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A server that the environment names.
pub(crate) fn discover() -> Result<Discovered, String> {
    let names = ["DATA_SOURCE_NAME", "DATA_SOURCE_URI", "DATA_SOURCE_URI_FILE"];
    let flags = flags();
    let set = |flag: &Flag, value: String| (flag.name().to_owned(), value);
    let settings: Vec<_> = flags
        .iter()
        .filter_map(|flag| {
            Some(set(flag, std::env::var(flag.variable()?).ok().filter(|value| !value.is_empty())?))
        })
        .collect();
    let named = names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !named {
        return Err(format!("none of {} in the environment", names.join(", ")));
    }
    Ok(Discovered { what: "the server in DATA_SOURCE_*".to_owned(), settings })
}

/// How long user queries and freshness are good unless they say otherwise.
pub(crate) const FRESH: Duration = Duration::from_secs(300);

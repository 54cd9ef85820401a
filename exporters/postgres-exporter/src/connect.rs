//! Connecting: one attempt, with an end, and an error that says what kind it is.

use exporter_core::probe::TargetPolicy;
use exporter_core::{ConfigError, Lookups};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::config::{self, Config, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::dsn::{ChannelBinding, Dsn, TlsMode, escape_option};
use crate::{pgbouncer, tls};

const READ_ONLY: &str = "default_transaction_read_only";

/// How to connect to any database of one server.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) dsn: Dsn,
    pub(crate) limits: Limits,
    /// Where the target comes from a stranger: asked with every address before it is connected to.
    pub(crate) policy: Option<TargetPolicy>,
    pub(crate) lookups: Lookups,
    /// Whether the session looks for names in `pg_catalog` only. The user's own queries need the role's path.
    pub(crate) own_path: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
}

/// Why there is no answer: a word for a label, and a line for the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Trouble {
    pub(crate) class: &'static str,
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Trouble::new("configuration", error.to_string())
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Trouble::new(class(&error), told(&error))
    }
}

/// An error with all that it rests on, in one line.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    let mut line = match error.as_db_error() {
        Some(db) => return format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = write!(line, ": {error}");
        cause = error.source();
    }
    line
}

fn class(error: &tokio_postgres::Error) -> &'static str {
    match error.code() {
        Some(code) => match code.clone() {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => "authentication",
            SqlState::INVALID_CATALOG_NAME => "no_database",
            SqlState::TOO_MANY_CONNECTIONS => "too_many_connections",
            SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => "starting",
            SqlState::INSUFFICIENT_PRIVILEGE => "permission",
            _ => "server",
        },
        None if error.is_closed() => "closed",
        None => {
            let line = told(error);
            if line.contains("TLS") || line.contains("certificate") || line.contains("tls") {
                "tls"
            } else if line.contains("password missing") || line.contains("authentication") {
                "authentication"
            } else {
                "unreachable"
            }
        }
    }
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connector {
    /// Connects to a database, or gives up in time.
    pub(crate) async fn connect(&self, database: &str) -> Result<Connection, Trouble> {
        let limit = self.dsn.connect_timeout.unwrap_or(self.limits.connect).min(self.limits.connect);
        match tokio::time::timeout(limit, self.attempt(database)).await {
            Ok(result) => result.map_err(|trouble| self.explained(trouble)),
            Err(_) => Err(Trouble::new(
                "timeout",
                format!("{}: no answer within {} s", self.dsn.server(), limit.as_secs_f64()),
            )),
        }
    }

    async fn attempt(&self, database: &str) -> Result<Connection, Trouble> {
        let bare = self.config(database).await?;
        if pgbouncer::is_console(&self.dsn) {
            return self.open(&bare).await;
        }
        let mut settings = self.session_settings();
        // Hosts are told apart by whether they allow writes, so the session may forbid them only afterwards.
        let told_apart = self.dsn.read_write.is_some();
        settings.retain(|(name, _)| !told_apart || *name != READ_ONLY);
        let mut options = String::new();
        for (name, value) in &settings {
            let _ = write!(options, "-c {name}={} ", escape_option(value));
        }
        options.push_str(&self.dsn.options);
        let mut config = bare.clone();
        config.options(options.trim());
        let connection = match self.open(&config).await {
            // PgBouncer takes no options; the same by statements then.
            Err(trouble) if trouble.message.contains("unsupported startup parameter") => {
                let connection = self.open(&bare).await?;
                let set = |(name, value): &(&str, String)| format!("SET {name} = '{value}'");
                let sets: Vec<_> = settings.iter().map(set).collect();
                connection.client.batch_execute(&sets.join(";")).await?;
                connection
            }
            opened => opened?,
        };
        if told_apart {
            connection.client.batch_execute(&format!("SET {READ_ONLY} = on")).await?;
        }
        Ok(connection)
    }

    /// What makes a session harmless.
    fn session_settings(&self) -> Vec<(&'static str, String)> {
        let ms = |duration: Duration| duration.as_millis().to_string();
        let mut settings = vec![
            ("statement_timeout", ms(self.limits.statement)),
            ("lock_timeout", ms(self.limits.lock)),
            ("idle_in_transaction_session_timeout", ms(self.limits.statement * 2)),
            (READ_ONLY, "on".to_owned()),
            ("jit", "off".to_owned()),
            ("max_parallel_workers_per_gather", "0".to_owned()),
        ];
        if self.own_path {
            settings.push(("search_path", "pg_catalog".to_owned()));
        } else {
            settings.push(("datestyle", "ISO".to_owned()));
        }
        settings
    }

    async fn open(&self, config: &Config) -> Result<Connection, Trouble> {
        if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            return Ok(Connection { client, task: tokio::spawn(ignore(connection)).abort_handle() });
        }
        let settings = self.dsn.tls.clone();
        let client = self.aside(move || tls::client_config(&settings)).await?;
        let client = client.map_err(|error| Trouble::new("tls", error.to_string()))?;
        let tls = MakeRustlsConnect::new(client);
        let (client, connection) = config.connect(tls).await?;
        Ok(Connection { client, task: tokio::spawn(ignore(connection)).abort_handle() })
    }

    /// Reads files where that keeps nobody from being served.
    async fn aside<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let read = self.lookups.read(move || Ok(read())).await;
        read.map_err(|error| Trouble::new("configuration", format!("reading files: {error}")))
    }

    async fn config(&self, database: &str) -> Result<Config, Trouble> {
        let mut config = Config::new();
        config.user(&self.dsn.user).dbname(database).application_name(&self.dsn.application_name);
        let password = if self.dsn.password.is_in_file() {
            let (dsn, database) = (self.dsn.clone(), database.to_owned());
            self.aside(move || dsn.password(&database)).await??
        } else {
            self.dsn.password(database)?
        };
        if let Some(password) = password {
            config.password(password.expose());
        }
        for host in &self.dsn.hosts {
            config.host(&host.name).port(host.port);
        }
        for address in self.addresses().await? {
            config.hostaddr(address);
        }
        let share = self.limits.connect / u32::try_from(self.dsn.hosts.len().max(1)).unwrap_or(1);
        config.connect_timeout(share);
        config.ssl_mode(match self.dsn.tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            _ if self.dsn.hosts.iter().all(|host| host.is_socket()) => SslMode::Disable,
            _ => SslMode::Require,
        });
        if self.dsn.tls.direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config.channel_binding(match self.dsn.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
        config.target_session_attrs(match self.dsn.read_write {
            None => TargetSessionAttrs::Any,
            Some(true) => TargetSessionAttrs::ReadWrite,
            Some(false) => TargetSessionAttrs::ReadOnly,
        });
        Ok(config)
    }

    /// Fixed addresses of the hosts: given ones, or those that the policy has admitted.
    async fn addresses(&self) -> Result<Vec<std::net::IpAddr>, Trouble> {
        let mut addresses = Vec::new();
        for host in &self.dsn.hosts {
            let Some(policy) = &self.policy else {
                addresses.extend(host.address);
                continue;
            };
            let found = self.lookups.find(&host.name, host.port).await;
            let found =
                found.map_err(|error| Trouble::new("unreachable", format!("{}: {error}", host.name)))?;
            let admitted =
                found.into_iter().map(|address| policy.admit(&host.name, address).map(|_| address.ip()));
            let mut admitted = admitted
                .collect::<Result<Vec<_>, _>>()
                .map_err(|refused| Trouble::new("refused", refused.to_string()))?;
            admitted.truncate(1);
            addresses.extend(admitted);
        }
        Ok(addresses)
    }

    /// Adds the cure to an error whose words do not tell it.
    fn explained(&self, mut trouble: Trouble) -> Trouble {
        let server = self.dsn.server();
        if trouble.message.contains("server does not support TLS") {
            trouble.message.push_str("; add sslmode=disable (or prefer) to the connection string");
        }
        if trouble.message.contains("password missing") {
            trouble.message.push_str("; give one in DATA_SOURCE_PASS_FILE or the connection string");
        }
        if trouble.message.contains("not allowed") && pgbouncer::is_console(&self.dsn) {
            trouble.message.push_str("; add the user to stats_users in pgbouncer.ini, then RELOAD");
        }
        trouble.message = format!("{server}: {}", trouble.message);
        trouble
    }
}

/// A connection's error reaches everybody who waits for an answer on it.
async fn ignore<T>(connection: impl Future<Output = T>) {
    connection.await;
}

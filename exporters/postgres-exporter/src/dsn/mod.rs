//! Where a server is and how to log in there: connection strings as libpq and lib/pq take them, with the environment, the
//! password file and the service file behind them.

mod files;
mod parse;
mod unserved;

use exporter_core::{ConfigError, Secret};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use files::Lookup;

/// Options by their libpq names.
pub(crate) type Options = BTreeMap<String, String>;

/// A server to connect to, with everything but the password read.
#[derive(Clone, Debug)]
pub(crate) struct Dsn {
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) database: String,
    pub(crate) application_name: String,
    /// Start-up options of the user's, as `-c name=value`.
    pub(crate) options: String,
    pub(crate) tls: Tls,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) read_write: Option<bool>,
    pub(crate) connect_timeout: Option<Duration>,
}

/// One of the hosts, tried in turn.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Host {
    /// A name, an address, or the folder of a Unix socket.
    pub(crate) name: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Host {
    pub(crate) fn is_socket(&self) -> bool {
        self.name.starts_with('/') || self.name.starts_with('@')
    }
}

/// Where the password comes from. Files are read again at each connect.
#[derive(Clone, Debug)]
pub(crate) enum Password {
    Given(Secret),
    File(PathBuf),
    /// The first line of the password file that fits, if there is one.
    Passfile(Option<PathBuf>),
}

impl Password {
    /// Whether [`Dsn::password`] reads a file.
    pub(crate) fn is_in_file(&self) -> bool {
        matches!(self, Password::File(_) | Password::Passfile(Some(_)))
    }
}

/// How the connection is encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    pub(crate) root_cert: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// Without the PostgreSQL handshake before it (17 and later).
    pub(crate) direct: bool,
}

/// libpq's sslmode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whether SCRAM is bound to the TLS connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

impl Dsn {
    /// Reads a connection string; what it leaves open comes from the service file and `PG*` variables.
    ///
    /// # Errors
    /// What cannot be used, never with a value that might be secret.
    pub(crate) fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let given = parse::options(text)?;
        let lookup = Lookup { variable };
        let mut all = lookup.variables();
        let service = given.get("service").or_else(|| all.get("service")).cloned();
        if let Some(service) = service {
            all.extend(lookup.service(&service)?);
        }
        all.extend(given);
        Self::from_options(all, &lookup)
    }

    fn from_options(mut all: Options, lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        all.remove("service");
        unserved::refuse(&mut all)?;
        let hosts = hosts(&mut all)?;
        let user = all
            .remove("user")
            .or_else(|| lookup.get("USER"))
            .filter(|user| !user.is_empty())
            .ok_or_else(|| bad("user is missing: name one in the connection string, or in PGUSER"))?;
        let password = match (all.remove("password"), all.remove("passfile")) {
            (Some(password), _) if !password.is_empty() => Password::Given(Secret::new(password)),
            (_, passfile) => Password::Passfile(passfile.map(PathBuf::from).or_else(|| lookup.passfile())),
        };
        let database = all.remove("dbname").filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
        let application_name = all
            .remove("application_name")
            .or_else(|| all.remove("fallback_application_name"))
            .unwrap_or_else(|| "postgres-exporter".to_owned());
        all.remove("fallback_application_name");
        let mut taken = |name: &str| all.remove(name).filter(|value| !value.is_empty());
        let home = |file: &str| lookup.home(file);
        let (cert, key) = match (taken("sslcert"), taken("sslkey")) {
            (None, None) => (home(".postgresql/postgresql.crt"), home(".postgresql/postgresql.key")),
            (Some(cert), Some(key)) => (Some(cert.into()), Some(key.into())),
            _ => return Err(bad("sslcert and sslkey go together: give both or none")),
        };
        let tls = Tls {
            mode: taken("sslmode").map_or(Ok(TlsMode::Require), |mode| tls_mode(&mode))?,
            root_cert: taken("sslrootcert").map(PathBuf::from),
            cert,
            key,
            direct: taken("sslnegotiation").as_deref() == Some("direct"),
        };
        let channel_binding = match taken("channel_binding").as_deref() {
            Some("disable") => ChannelBinding::Disable,
            Some("require") => ChannelBinding::Require,
            None | Some("prefer") => ChannelBinding::Prefer,
            Some(other) => {
                return Err(bad(format!("channel_binding={other}: write disable, prefer or require")));
            }
        };
        let read_write = match taken("target_session_attrs").as_deref() {
            None | Some("any") => None,
            Some("read-write" | "primary") => Some(true),
            Some("read-only" | "standby" | "prefer-standby") => Some(false),
            Some(other) => return Err(bad(format!("target_session_attrs={other}: unknown"))),
        };
        let connect_timeout = match taken("connect_timeout").as_deref() {
            None | Some("0") => None,
            Some(text) => Some(Duration::from_secs(
                text.parse().map_err(|_| bad(format!("connect_timeout={text}: not a number of seconds")))?,
            )),
        };
        let mut options = taken("options").unwrap_or_default();
        for (name, value) in all {
            // lib/pq hands what it does not know to the server as a setting of the session.
            if !unserved::is_ignored(&name) {
                if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
                    return Err(bad(format!("{name:?} is no option")));
                }
                options.push_str(&format!(" -c {name}={}", escape_option(&value)));
            }
        }
        let options = options.trim().to_owned();
        Ok(Self {
            hosts,
            user,
            password,
            database,
            application_name,
            options,
            tls,
            channel_binding,
            read_write,
            connect_timeout,
        })
    }

    /// The password as it is now.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn password(&self, database: &str) -> Result<Option<Secret>, ConfigError> {
        match &self.password {
            Password::Given(secret) => Ok(Some(secret.clone())),
            Password::File(path) => Secret::from_file(path).map(Some),
            Password::Passfile(None) => Ok(None),
            Password::Passfile(Some(path)) => files::from_passfile(path, &self.hosts, database, &self.user),
        }
    }

    /// `HOST:PORT` of the first host, as the peer writes its `server` label.
    pub(crate) fn server(&self) -> String {
        self.hosts.first().map_or_else(String::new, |host| format!("{}:{}", host.name, host.port))
    }
}

/// Without the password, for logs.
impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.user, self.server(), self.database)
    }
}

fn hosts(all: &mut Options) -> Result<Vec<Host>, ConfigError> {
    let names = all.remove("host").filter(|host| !host.is_empty());
    let addresses = all.remove("hostaddr").filter(|address| !address.is_empty());
    let ports = all.remove("port").filter(|port| !port.is_empty()).unwrap_or_else(|| "5432".to_owned());
    let split = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    let addresses = addresses.as_deref().map(split).unwrap_or_default();
    let names = match names.as_deref() {
        Some(names) => split(names),
        None if !addresses.is_empty() => addresses.clone(),
        None => vec!["localhost".to_owned()],
    };
    let ports = split(&ports);
    let fits = |count: usize| count <= 1 || count == names.len();
    if !fits(ports.len()) || !(addresses.is_empty() || addresses.len() == names.len()) {
        return Err(bad("host, hostaddr and port do not have the same number of parts"));
    }
    let mut hosts = Vec::new();
    for (at, name) in names.into_iter().enumerate() {
        let port = ports.get(at).or_else(|| ports.first()).map_or("", String::as_str);
        let port = port.parse().map_err(|_| bad(format!("port {port:?} is no port")))?;
        let address = match addresses.get(at).filter(|address| !address.is_empty()) {
            Some(text) => Some(text.parse().map_err(|_| bad(format!("hostaddr {text:?} is no address")))?),
            None => None,
        };
        let name = if name.is_empty() { "localhost".to_owned() } else { name };
        hosts.push(Host { name, address, port });
    }
    Ok(hosts)
}

fn tls_mode(mode: &str) -> Result<TlsMode, ConfigError> {
    Ok(match mode {
        "disable" => TlsMode::Disable,
        "allow" | "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        other => {
            return Err(bad(format!(
                "sslmode={other}: write disable, prefer, require, verify-ca or verify-full"
            )));
        }
    })
}

/// A value inside the start-up packet's `options`.
pub(crate) fn escape_option(value: &str) -> String {
    value.replace('\\', "\\\\").replace(' ', "\\ ")
}

fn bad(why: impl fmt::Display) -> ConfigError {
    ConfigError::new(format!("connection string: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<Dsn, ConfigError> {
        Dsn::parse(text, &|name| {
            variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn dsn(text: &str) -> Dsn {
        with(text, &[]).unwrap()
    }

    #[test]
    fn both_forms_say_the_same() {
        for text in [
            "postgresql://me:se%40cret@db.example:5433/shop?sslmode=verify-full&application_name=x",
            "host=db.example port=5433 user=me password='se@cret' dbname=shop sslmode=verify-full application_name=x",
        ] {
            let dsn = dsn(text);
            assert_eq!(dsn.to_string(), "me@db.example:5433/shop");
            assert_eq!(dsn.password("shop").unwrap().unwrap().expose(), "se@cret");
            assert_eq!((dsn.tls.mode, dsn.application_name.as_str()), (TlsMode::VerifyFull, "x"));
        }
    }

    #[test]
    fn several_hosts() {
        let hosts = dsn("postgres://u@a:1,b,[::1]:3/d").hosts;
        let told: Vec<_> = hosts.iter().map(|host| (host.name.as_str(), host.port)).collect();
        assert_eq!(told, [("a", 1), ("b", 5432), ("::1", 3)]);
        let hosts = dsn("host=a,b port=6000 user=u").hosts;
        assert_eq!(hosts.iter().map(|host| host.port).collect::<Vec<_>>(), [6000, 6000]);
        assert!(with("host=a,b,c port=1,2 user=u", &[]).is_err());
    }

    #[test]
    fn sockets() {
        for text in [
            "host=/run/postgresql user=u",
            "postgresql://u@%2Frun%2Fpostgresql/d",
            "postgresql:///d?host=/run/postgresql&user=u",
        ] {
            let dsn = dsn(text);
            assert!(dsn.hosts[0].is_socket() && dsn.hosts[0].name == "/run/postgresql", "{text}");
        }
    }

    #[test]
    fn variables_stand_behind_the_string() {
        let variables = [
            ("PGHOST", "h"),
            ("PGUSER", "u"),
            ("PGPASSWORD", "p"),
            ("PGDATABASE", "d"),
            ("PGSSLMODE", "disable"),
        ];
        let dsn = with("host=own", &variables).unwrap();
        assert_eq!((dsn.to_string().as_str(), dsn.tls.mode), ("u@own:5432/d", TlsMode::Disable));
        assert_eq!(dsn.password("d").unwrap().unwrap().expose(), "p");
    }

    #[test]
    fn the_peers_default_is_tls() {
        assert_eq!(dsn("host=a user=u").tls.mode, TlsMode::Require);
        assert_eq!(dsn("host=a user=u").database, "u");
    }

    #[test]
    fn what_is_unknown_is_a_setting_of_the_session() {
        let dsn = dsn(
            "host=a user=u options='-c geqo=off' work_mem='1 MB' krbsrvname=x sslinline=false sslcertmode=allow",
        );
        assert_eq!(dsn.options, "-c geqo=off -c work_mem=1\\ MB");
    }

    #[test]
    fn errors_show_no_secret() {
        for text in [
            "host=a user=u password='hunter2",
            "postgresql://u:hunter2@a:port/d",
            "user=u password=hunter2 sslmode=sure",
            "user=u password=hunter2 connect_timeout=x",
            "user=u password=hunter2 sslcert=/me.crt",
            "hunter2",
            "postgresql://u:hunter2%zz@a/d",
            "password=hunter2",
            "user=u sslpassword=hunter2",
            "user=u sslinline=true sslkey=hunter2 sslcert=x",
            "user=u password=hunter2 sslcrl=/revoked.pem",
            "user=u password=hunter2 host=a, user=u password=hunter2 host=b",
        ] {
            let error = with(text, &[]).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.starts_with("connection string: "), "{error}");
        }
        let shown = format!("{:?}", dsn("user=u password=hunter2 host=a"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

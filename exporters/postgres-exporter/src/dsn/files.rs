//! What stands behind a connection string: `PG*` variables, the service file, the password file.

use exporter_core::{ConfigError, Secret};
use std::path::{Path, PathBuf};

use super::{Host, Options, bad};

/// libpq's variables and the options they set.
const VARIABLES: [(&str, &str); 18] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGSERVICE", "service"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

/// The environment, as a function.
pub(super) struct Lookup<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Lookup<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn variables(&self) -> Options {
        let found = |(variable, name): &(&str, &str)| Some(((*name).to_owned(), self.get(variable)?));
        VARIABLES.iter().filter_map(found).collect()
    }

    /// A file in the home folder, if it is there.
    pub(super) fn home(&self, file: &str) -> Option<PathBuf> {
        Some(PathBuf::from(self.get("HOME")?).join(file)).filter(|path| path.exists())
    }

    pub(super) fn passfile(&self) -> Option<PathBuf> {
        self.home(".pgpass")
    }

    /// The options of a service.
    pub(super) fn service(&self, name: &str) -> Result<Options, ConfigError> {
        let system = self.get("PGSYSCONFDIR").unwrap_or_else(|| "/etc/postgresql-common".to_owned());
        let files = [
            self.get("PGSERVICEFILE").map(PathBuf::from).or_else(|| self.home(".pg_service.conf")),
            Some(PathBuf::from(system).join("pg_service.conf")),
        ];
        for path in files.into_iter().flatten() {
            if let Ok(text) = std::fs::read_to_string(&path)
                && let Some(options) = service(&text, name)
            {
                return Ok(options);
            }
        }
        Err(bad(format!("service {name:?} is in no service file (PGSERVICEFILE, ~/.pg_service.conf)")))
    }
}

fn service(text: &str, name: &str) -> Option<Options> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let header = format!("[{name}]");
    let mut section = lines.skip_while(|line| **line != header);
    section.next()?;
    let pairs = section.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once('='));
    Some(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

/// The password of the first line that fits one of the hosts.
pub(super) fn from_passfile(
    path: &Path,
    hosts: &[Host],
    database: &str,
    user: &str,
) -> Result<Option<Secret>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(format!("reading password file {}: {error}", path.display())))?;
    Ok(hosts.iter().find_map(|host| {
        let name = if host.is_socket() { "localhost" } else { &host.name };
        let wanted = [name, &host.port.to_string(), database, user];
        text.lines().find_map(|line| fitting(line, &wanted)).map(Secret::new)
    }))
}

/// The password in a line `host:port:database:user:password`, if the rest fits; `\` takes the next character as it is.
fn fitting(line: &str, wanted: &[&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = fields.last_mut()?;
        match c {
            '\\' => last.extend(chars.next()),
            ':' => fields.push(String::new()),
            c => last.push(c),
        }
    }
    let [host, port, database, user, password] = fields.as_slice() else { return None };
    let fits =
        [host, port, database, user].iter().zip(wanted).all(|(own, wanted)| *own == "*" || own == wanted);
    fits.then(|| password.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_lines() {
        let wanted = ["db", "5432", "shop", "me"];
        assert_eq!(fitting("db:5432:*:me:a\\:b\\\\", &wanted).as_deref(), Some("a:b\\"));
        for other in ["# db:5432:*:me:x", "db:5433:*:me:x", "db:5432:shop:me", "", "*:*:*:you:x"] {
            assert_eq!(fitting(other, &wanted), None, "{other}");
        }
    }

    #[test]
    fn services() {
        let text = "# x\n[a]\nhost=one\n\n[b]\nhost = two\nport=1\n[c]\nhost=three\n";
        let options = service(text, "b").unwrap();
        assert_eq!((options["host"].as_str(), options.len()), ("two", 2));
        assert!(service(text, "d").is_none());
    }
}

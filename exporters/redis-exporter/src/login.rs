//! Who we are to a server: from its address, from flags, or from a password file.

use exporter_core::{ConfigError, Secret, Settings};
use std::collections::BTreeMap;

use crate::target::Target;

/// Configured credentials. Files are read again at each connect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    user: String,
    password: Secret,
    file: String,
}

impl Login {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let login = Self {
            user: settings.text("redis.user").to_owned(),
            password: Secret::new(settings.text("redis.password")),
            file: settings.text("redis.password-file").to_owned(),
        };
        if !login.file.is_empty() {
            let named = |error| ConfigError::new(format!("--redis.password-file: {error}"));
            drop(PasswordFile::read(&login.file).map_err(named)?);
        }
        Ok(login)
    }

    /// Whether [`Login::of`] may read a file.
    pub(crate) fn reads_file(&self) -> bool {
        !self.file.is_empty()
    }

    /// User and password for this server. A target that a URL names and no list trusts gets what that URL brings, or what
    /// the password file has for just this address, and never the configured password.
    pub(crate) fn of(
        &self,
        target: &Target,
        trusted: bool,
    ) -> Result<(Option<String>, Option<Secret>), ConfigError> {
        let user = || target.user.clone().or_else(|| (!self.user.is_empty()).then(|| self.user.clone()));
        if target.password.is_some() {
            return Ok((user(), target.password.clone()));
        }
        if trusted && !self.password.is_empty() {
            return Ok((user(), Some(self.password.clone())));
        }
        if self.file.is_empty() {
            return Ok((user(), None));
        }
        let found = match PasswordFile::read(&self.file)? {
            PasswordFile::One(password) => trusted.then_some(password),
            PasswordFile::ByAddress(map) => {
                let with_user = target.uri_with_user().or_else(|| {
                    let named = Target { user: user(), ..target.clone() };
                    named.uri_with_user()
                });
                [with_user, Some(target.uri())].into_iter().flatten().find_map(|uri| map.get(&uri).cloned())
            }
        };
        Ok((user(), found))
    }
}

/// The file: a JSON object from addresses to passwords, as the peer has it, or one password.
enum PasswordFile {
    One(Secret),
    ByAddress(BTreeMap<String, Secret>),
}

impl PasswordFile {
    fn read(path: &str) -> Result<Self, ConfigError> {
        let secret = Secret::from_file(path)?;
        if !secret.expose().trim_start().starts_with('{') {
            return Ok(PasswordFile::One(secret));
        }
        // The parser's message could quote what is in there; its place is enough.
        let map: BTreeMap<String, String> = serde_json::from_str(secret.expose()).map_err(|error| {
            ConfigError::new(format!(
                "{path}: line {}: write a JSON object like {{\"redis://host:6379\": \"password\"}}",
                error.line()
            ))
        })?;
        Ok(PasswordFile::ByAddress(map.into_iter().map(|(uri, text)| (uri, Secret::new(text))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exporter_testkit::fixture;

    fn password(login: &Login, address: &str, trusted: bool) -> Option<String> {
        let (_, password) = login.of(&Target::parse(address).unwrap(), trusted).unwrap();
        password.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_address_wins_then_the_flag_then_the_file() {
        let dir = fixture::tree(&[(
            "map.json",
            r#"{"redis://a:6379": "one", "redis://joe@a:6379": "joes", "rediss://b:7000": "two"}"#,
        )])
        .unwrap();
        let file = dir.path().join("map.json").display().to_string();
        let login = Login { file, ..Login::default() };
        assert_eq!(password(&login, "redis://a:6379", false).as_deref(), Some("one"));
        assert_eq!(password(&login, "redis://joe@a", false).as_deref(), Some("joes"));
        assert_eq!(password(&login, "rediss://b:7000", false).as_deref(), Some("two"));
        assert_eq!(password(&login, "redis://c", false), None);
        assert_eq!(password(&login, "redis://:mine@a", false).as_deref(), Some("mine"));
        let login = Login { password: Secret::new("flag"), ..login };
        assert_eq!(password(&login, "redis://a", true).as_deref(), Some("flag"));
    }

    #[test]
    fn a_stranger_does_not_get_the_configured_password() {
        let login = Login { password: Secret::new("flag"), ..Login::default() };
        assert_eq!(password(&login, "redis://evil", false), None);
    }

    #[test]
    fn a_bad_file_is_told_without_its_content() {
        let dir = fixture::tree(&[("map.json", "{\n\"redis://a\": hunter2}")]).unwrap();
        let file = dir.path().join("map.json").display().to_string();
        let Err(error) = PasswordFile::read(&file) else { panic!("taken") };
        assert!(error.to_string().contains("line 2") && !error.to_string().contains("hunter2"), "{error}");
    }
}

//! Passwords, tokens and whatever else must never be seen.

use std::fmt;
use std::path::Path;

use crate::exporter::ConfigError;

/// No secret is longer; a path to something else (a device, a log) is a mistake.
const MAX_SECRET: u64 = 64 * 1024;

/// A text that no log, error, page or debug output can show: it has no `Display`, and `Debug` hides it.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The content of a file, without line ends behind it. Read it again at each connect, so that a changed secret needs
    /// no restart.
    ///
    /// # Errors
    /// The path and why it cannot be read; never what is in it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let failed = |why: String| ConfigError::new(format!("reading secret {}: {why}", path.display()));
        let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if length > MAX_SECRET {
            return Err(failed(format!("{length} bytes are no secret")));
        }
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| failed("not UTF-8".to_owned()))?;
        Ok(Self(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?} {:#?}", Some(&secret)).contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn files() {
        let path = std::env::temp_dir().join(format!("exporter-core-secret-{}", std::process::id()));
        std::fs::write(&path, "hunter2\r\n").unwrap();
        assert_eq!(Secret::from_file(&path).unwrap().expose(), "hunter2");
        std::fs::write(&path, b"\xffhunter2").unwrap();
        let error = Secret::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("not UTF-8") && !error.contains("hunter2"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(Secret::from_file(&path).unwrap_err().to_string().contains("exporter-core-secret"));
    }
}

//! Passwords, tokens and whatever else must never be seen.

use std::fmt;
use std::io::{self, Read as _};
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
        let bytes = read_small(path, MAX_SECRET).map_err(|error| failed(error.to_string()))?;
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

/// What is in a file that cannot be large. A pipe would be waited for, and a device never ends.
pub(crate) fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("no regular file"));
    }
    if metadata.len() > most {
        return Err(io::Error::other(format!("{} bytes are too many", metadata.len())));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A parser's message without the value that it quotes, as in `invalid type: string "hunter2", expected a map`: that may
/// be a password in the wrong place.
pub fn unquoted(message: &str) -> String {
    const STARTS: [&str; 2] = ["invalid type: ", "invalid value: "];
    let Some(start) = STARTS.iter().find_map(|start| message.find(start).map(|at| at + start.len())) else {
        return message.to_owned();
    };
    let (before, quoted) = message.split_at(start);
    let (quoted, behind) = quoted.split_at(quoted.rfind(", expected").unwrap_or(quoted.len()));
    let kind = quoted.split(['"', '`']).next().unwrap_or_default().trim_end();
    format!("{before}{kind}{behind}")
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
    fn a_parsers_message_quotes_no_value() {
        for (given, expected) in [
            (
                "x: invalid type: string \"a\", expected \"b\", expected a map at line 3",
                "x: invalid type: string, expected a map at line 3",
            ),
            ("invalid type: integer `12345`, expected a map", "invalid type: integer, expected a map"),
            ("invalid value: string \"hunter2", "invalid value: string"),
            ("invalid type: map, expected a text", "invalid type: map, expected a text"),
            ("\"node\" stands here twice at line 2", "\"node\" stands here twice at line 2"),
        ] {
            assert_eq!(unquoted(given), expected);
        }
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
        assert!(Secret::from_file("/dev/zero").unwrap_err().to_string().contains("no regular file"));
        assert!(Secret::from_file(&path).unwrap_err().to_string().contains("exporter-core-secret"));
    }
}

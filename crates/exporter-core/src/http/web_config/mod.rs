//! `--web.config.file`: TLS, passwords, response headers and a rate limit, in the file format of exporter-toolkit.

#[cfg(feature = "tls")]
mod client;
mod file;
mod headers;
mod rate_limit;
#[cfg(feature = "tls")]
mod sans;
#[cfg(feature = "tls")]
mod suites;
#[cfg(feature = "tls")]
mod tls;
mod unique;
mod users;
mod watch;

pub(crate) use users::Verdict;
pub(crate) use watch::Web;

use hyper::header::{HeaderName, HeaderValue};
use std::path::Path;
use std::sync::Arc;

use crate::exporter::ConfigError;
use file::WebFile;
use rate_limit::RateLimit;
use users::Users;
use watch::Stamps;

/// A file, understood, with everything it names loaded.
#[derive(Debug, Default)]
pub(crate) struct WebConfig {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) users: Option<Arc<Users>>,
    pub(crate) rate_limit: Option<RateLimit>,
}

impl WebConfig {
    /// Whether clients must speak TLS.
    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Reads the file and those it names; notes in `stamps` how they looked just before.
    ///
    /// # Errors
    /// The path, the key, and what is wrong with it; in one line.
    fn load(path: &Path, stamps: &mut Stamps) -> Result<Self, ConfigError> {
        stamps.note(path);
        let place = |error: ConfigError| ConfigError::new(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_text(&text, folder, stamps).map_err(place)
    }

    fn from_text(text: &str, folder: &Path, stamps: &mut Stamps) -> Result<Self, ConfigError> {
        let file = WebFile::parse(text)?;
        let http = file.http_server_config.unwrap_or_default();
        let mut config = Self { headers: headers::checked(http.headers)?, ..Self::default() };
        if let Some(users) = file.basic_auth_users
            && !users.0.is_empty()
        {
            config.users = Some(Arc::new(Users::new(users.0)?));
        }
        if let Some(limit) = file.rate_limit {
            config.rate_limit = RateLimit::new(&limit)?;
        }
        if let Some(section) = file.tls_server_config.filter(file::TlsSection::is_used) {
            #[cfg(feature = "tls")]
            {
                config.tls = Some(Arc::new(tls::server_config(&section, folder, stamps)?));
            }
            #[cfg(not(feature = "tls"))]
            {
                let _ = (section, folder, stamps);
                return Err(ConfigError::new("tls_server_config: this program was built without TLS"));
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests;

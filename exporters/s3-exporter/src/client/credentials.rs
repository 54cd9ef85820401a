//! Where keys come from. Who found them is told by name; what they are is told to nobody.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use aws_sdk_s3::config::{Credentials, Region, SharedHttpClient};
use exporter_core::Secret;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config::file;

/// Keys in files are read again after this: a changed secret needs no restart.
const REREAD: Duration = Duration::from_secs(300);

/// What signs an endpoint's requests; `None` is nobody.
pub(crate) fn provider(
    endpoint: &str,
    given: &file::Credentials,
    region: &str,
    http: &SharedHttpClient,
) -> Option<SharedCredentialsProvider> {
    use file::Source::{Anonymous, Auto, Container, Environment, InstanceMetadata, Profile, WebIdentity};
    let config = ProviderConfig::without_region()
        .with_http_client(http.clone())
        .with_region(Some(Region::new(region.to_owned())));
    let profile = || {
        let mut builder = ProfileFileCredentialsProvider::builder().configure(&config);
        if !given.profile.is_empty() {
            builder = builder.profile_name(&given.profile);
        }
        SharedCredentialsProvider::new(builder.build())
    };
    let environment = || SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let web = || {
        SharedCredentialsProvider::new(
            WebIdentityTokenCredentialsProvider::builder().configure(&config).build(),
        )
    };
    let container =
        || SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build());
    let metadata =
        || SharedCredentialsProvider::new(ImdsCredentialsProvider::builder().configure(&config).build());
    let sources = match given.source {
        Anonymous => return None,
        Auto if given.has_keys() => {
            vec![("keys of the configuration", SharedCredentialsProvider::new(Keys::new(given)))]
        }
        Profile => vec![("profile", profile())],
        Auto if !given.profile.is_empty() => vec![("profile", profile())],
        Environment => vec![("environment", environment())],
        WebIdentity => vec![("web identity", web())],
        Container => vec![("container", container())],
        InstanceMetadata => vec![("instance metadata", metadata())],
        Auto => vec![
            ("environment", environment()),
            ("profile", profile()),
            ("web identity", web()),
            ("container", container()),
            ("instance metadata", metadata()),
        ],
    };
    let winner = Mutex::new(None);
    Some(SharedCredentialsProvider::new(Chain { endpoint: endpoint.to_owned(), sources, winner }))
}

impl file::Credentials {
    fn has_keys(&self) -> bool {
        !self.access_key_id.is_empty() || self.access_key_id_file.is_some()
    }
}

/// The first source that has any.
#[derive(Debug)]
struct Chain {
    endpoint: String,
    sources: Vec<(&'static str, SharedCredentialsProvider)>,
    winner: Mutex<Option<&'static str>>,
}

impl Chain {
    async fn first(&self) -> Result {
        let mut tried = Vec::new();
        for (name, source) in &self.sources {
            match source.provide_credentials().await {
                Ok(found) => {
                    let mut winner = self.winner.lock().unwrap_or_else(PoisonError::into_inner);
                    if winner.replace(name) != Some(name) {
                        tracing::info!(endpoint = self.endpoint, source = name, "credentials found");
                    }
                    return Ok(found);
                }
                // Nothing there: the next one may have some. Anything else is a mistake to be told.
                Err(CredentialsError::CredentialsNotLoaded(_)) => tried.push(*name),
                Err(error) => return Err(error),
            }
        }
        Err(CredentialsError::not_loaded(format!("no credentials in: {}", tried.join(", "))))
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.first())
    }
}

/// Keys that the configuration holds or names the files of.
#[derive(Debug)]
struct Keys {
    id: Text,
    secret: Text,
    token: Option<PathBuf>,
}

#[derive(Debug)]
enum Text {
    Here(Secret),
    File(PathBuf),
}

impl Text {
    fn read(&self) -> std::result::Result<Secret, CredentialsError> {
        match self {
            Text::Here(text) => Ok(text.clone()),
            Text::File(path) => Secret::from_file(path).map_err(CredentialsError::invalid_configuration),
        }
    }
}

impl Keys {
    fn new(given: &file::Credentials) -> Self {
        let text = |here: Secret, file: &Option<PathBuf>| match file {
            Some(path) => Text::File(path.clone()),
            None => Text::Here(here),
        };
        Self {
            id: text(Secret::new(given.access_key_id.clone()), &given.access_key_id_file),
            secret: text(given.secret_access_key.clone().unwrap_or_default(), &given.secret_access_key_file),
            token: given.session_token_file.clone(),
        }
    }

    fn read(&self) -> Result {
        let token = self.token.clone().map(|path| Text::File(path).read()).transpose()?;
        let from_files = [&self.id, &self.secret].iter().any(|text| matches!(text, Text::File(_)));
        let mut keys = Credentials::builder()
            .access_key_id(self.id.read()?.expose())
            .secret_access_key(self.secret.read()?.expose())
            .provider_name("configuration");
        if let Some(token) = &token {
            keys = keys.session_token(token.expose());
        }
        if from_files || token.is_some() {
            keys = keys.expiry(SystemTime::now() + REREAD);
        }
        Ok(keys.build())
    }
}

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(self.read())
    }
}

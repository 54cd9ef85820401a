//! TLS clients: made once for a module, used for every connection, told apart from the peer's by what they report only.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring as provider};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, SupportedProtocolVersion, version};

use super::known::{Chain, Known};
use super::roots::Roots;
use super::verify::{Judge, Recorder, failure};
use super::{Failure, Reason};
use crate::config::client::TlsConfig;

/// How often the files of a module are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Go's zero time, which the peer reports for a chain that was not verified.
const NEVER: f64 = -62_135_596_800.0;

/// The system's authorities, read when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct SystemRoots(Mutex<Option<Arc<Roots>>>);

impl SystemRoots {
    fn get(&self) -> Arc<Roots> {
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.get_or_insert_with(|| Arc::new(Roots::system())).clone()
    }
}

/// A module's TLS client, when it has been made.
#[derive(Debug, Default)]
pub(crate) struct TlsCell(Mutex<Option<Loaded>>);

#[derive(Clone, Debug)]
struct Loaded {
    client: Arc<TlsClient>,
    files: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl TlsCell {
    /// The client; made on a thread of its own, because files are read.
    pub(crate) async fn client(
        &self,
        config: &TlsConfig,
        system: &Arc<SystemRoots>,
    ) -> Result<Arc<TlsClient>, Failure> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(loaded) = &known
            && (loaded.files.is_empty() || loaded.looked.elapsed() < LOOK_AGAIN)
        {
            return Ok(loaded.client.clone());
        }
        let (config, system) = (config.clone(), system.clone());
        let work = tokio::task::spawn_blocking(move || {
            let files = changed(&config);
            match known {
                Some(loaded) if loaded.files == files => Ok(Loaded { looked: Instant::now(), ..loaded }),
                _ => {
                    let client = Arc::new(TlsClient::load(&config, &system)?);
                    Ok(Loaded { client, files, looked: Instant::now() })
                }
            }
        });
        let loaded: Loaded = work
            .await
            .map_err(|error| Failure::new(Reason::Other, format!("loading TLS files: {error}")))??;
        let client = loaded.client.clone();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        Ok(client)
    }
}

fn files(config: &TlsConfig) -> impl Iterator<Item = &PathBuf> {
    [&config.ca_file, &config.cert_file, &config.key_file].into_iter().flatten()
}

fn changed(config: &TlsConfig) -> Vec<Option<SystemTime>> {
    files(config).map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok()).collect()
}

/// Settings of TLS connections.
#[derive(Debug)]
pub(crate) struct TlsClient {
    config: ClientConfig,
    judge: Arc<Judge>,
    server_name: Option<String>,
}

/// An established connection's or a failed handshake's facts.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFacts {
    /// What the certificates say that the server showed.
    pub(crate) chain: Arc<Chain>,
    /// Of the verified chain; absent after a failed handshake.
    pub(crate) chain_expiry: Option<f64>,
    pub(crate) version: Option<&'static str>,
    pub(crate) cipher: Option<String>,
}

impl TlsClient {
    fn load(config: &TlsConfig, system: &SystemRoots) -> Result<Self, Failure> {
        let bad = |why: String| Failure::new(Reason::Config, format!("tls_config: {why}"));
        let roots = match (&config.ca_file, &config.ca) {
            (Some(path), _) => Arc::new(Roots::file(path)?),
            (None, Some(pem)) => Arc::new(Roots::from_pem(pem.as_bytes())),
            (None, None) if config.insecure_skip_verify => Arc::new(Roots::from_pem(b"")),
            (None, None) => system.get(),
        };
        let provider = Arc::new(go_order(provider::default_provider()));
        let webpki = (!roots.store.is_empty()).then(|| {
            WebPkiServerVerifier::builder_with_provider(roots.store.clone(), provider.clone()).build()
        });
        let judge = Arc::new(Judge {
            webpki: webpki.transpose().map_err(|error| bad(error.to_string()))?,
            roots,
            skip: config.insecure_skip_verify,
            schemes: provider.signature_verification_algorithms,
            known: Known::default(),
        });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(config).map_err(bad)?)
            .map_err(|error| bad(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Recorder::new(judge.clone())));
        let mut client = match identity(config)? {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| bad(error.to_string()))?
            }
            None => builder.with_no_client_auth(),
        };
        // A resumed session shows no certificate.
        client.resumption = Resumption::disabled();
        Ok(Self { config: client, judge, server_name: config.server_name.clone() })
    }

    /// Shakes hands. The facts are there in either case.
    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
        protocols: &[&str],
    ) -> (Result<TlsStream<S>, Failure>, TlsFacts) {
        let host = self.server_name.as_deref().unwrap_or(host);
        let Ok(name) = ServerName::try_from(host.trim_end_matches('.').to_owned()) else {
            let error = Failure::new(Reason::TlsName, format!("{host:?} is no server name"));
            return (Err(error), TlsFacts::default());
        };
        let recorder = Arc::new(Recorder::new(self.judge.clone()));
        let mut config = self.config.clone();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.dangerous().set_certificate_verifier(recorder.clone());
        let result = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let mut facts = TlsFacts { chain: recorder.shown(), ..TlsFacts::default() };
        match result {
            Ok(stream) => {
                let session = stream.get_ref().1;
                facts.version = session.protocol_version().map(version_name);
                facts.cipher = session.negotiated_cipher_suite().map(|suite| cipher_name(suite.suite()));
                facts.chain_expiry = Some(facts.chain.verified_expiry.map_or(NEVER, |end| end as f64));
                (Ok(stream), facts)
            }
            Err(error) => (Err(failure(&error)), facts),
        }
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The client's own certificate and key.
fn identity(config: &TlsConfig) -> Result<Option<Identity>, Failure> {
    let bad = |what: &str, why: String| Failure::new(Reason::Config, format!("tls_config: {what}: {why}"));
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| bad(&path.display().to_string(), error.to_string()))
    };
    let cert = match (&config.cert, &config.cert_file) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(path)) => Some(read(path)?),
        (None, None) => None,
    };
    let key = match (&config.key, &config.key_file) {
        (Some(secret), _) => Some(secret.expose().as_bytes().to_vec()),
        (None, Some(path)) => Some(read(path)?),
        (None, None) => None,
    };
    match (cert, key) {
        (Some(cert), Some(key)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&cert).collect();
            let chain = chain.map_err(|_| bad("certificate", "not PEM".to_owned()))?;
            // Not the parser's own words: they could quote the key.
            let key =
                PrivateKeyDer::from_pem_slice(&key).map_err(|_| bad("key", "not a PEM key".to_owned()))?;
            Ok(Some((chain, key)))
        }
        (None, None) => Ok(None),
        _ => Err(bad("certificate", "cert and key must both be given".to_owned())),
    }
}

/// The order in which Go offers cipher suites, so that servers choose the same one.
fn go_order(mut provider: CryptoProvider) -> CryptoProvider {
    use provider::cipher_suite as suite;
    provider.cipher_suites = vec![
        suite::TLS13_AES_128_GCM_SHA256,
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS13_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    provider
}

fn versions(config: &TlsConfig) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let number = |text: &Option<String>, default: u8| match text.as_deref() {
        None => Ok(default),
        // Older ones cannot be spoken here; what allows them allows newer ones too.
        Some("TLS10" | "TLS11" | "TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => Err(format!("{other:?} is no version; write TLS12 or TLS13")),
    };
    if matches!(config.max_version.as_deref(), Some("TLS10" | "TLS11")) {
        return Err("max_version: only TLS 1.2 and 1.3 are spoken".to_owned());
    }
    let (min, max) = (number(&config.min_version, 12)?, number(&config.max_version, 13)?);
    let all = [(12, &version::TLS12), (13, &version::TLS13)];
    let chosen: Vec<_> = all.into_iter().filter(|(n, _)| (min..=max).contains(n)).map(|(_, v)| v).collect();
    if chosen.is_empty() { Err("min_version is above max_version".to_owned()) } else { Ok(chosen) }
}

fn version_name(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "TLS 1.3",
        ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "unknown",
    }
}

fn cipher_name(suite: tokio_rustls::rustls::CipherSuite) -> String {
    let name = format!("{suite:?}");
    name.strip_prefix("TLS13_").map_or(name.clone(), |rest| format!("TLS_{rest}"))
}

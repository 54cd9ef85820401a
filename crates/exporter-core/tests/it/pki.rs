//! Certificates of a test's own, and a client that uses them.

use super::program::{LIMIT, Weather};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

/// An authority; a certificate for the server, one for a client.
pub(crate) struct Pki {
    ca: CertifiedIssuer<'static, KeyPair>,
    server: Pair,
    pub(crate) client: Pair,
}

/// A certificate and its key, in PEM form.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let server = pair(&ca, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let client = pair(&ca, "scraper.example", ExtendedKeyUsagePurpose::ClientAuth);
        Self { ca, server, client }
    }

    /// Another client of the same authority.
    pub(crate) fn other_client(&self, name: &str) -> Pair {
        pair(&self.ca, name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// Another certificate for the server.
    pub(crate) fn renew(&mut self, dir: &TempDir) {
        self.server = pair(&self.ca, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
        self.write(dir);
    }

    /// Writes `ca.crt`, `server.{crt,key}`, `client.{crt,key}`.
    pub(crate) fn write(&self, dir: &TempDir) {
        for (file, text) in [
            ("ca.crt", self.ca.pem()),
            ("server.crt", self.server.certificate.clone()),
            ("server.key", self.server.key.clone()),
            ("client.crt", self.client.certificate.clone()),
            ("client.key", self.client.key.clone()),
        ] {
            dir.write(file, text).unwrap();
        }
    }

    /// A GET of /metrics: the status, and the certificate that the server showed.
    pub(crate) fn get(
        &self,
        server: &Weather,
        client: Option<&Pair>,
        headers: &str,
    ) -> Result<(u16, Vec<u8>)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(Pair { certificate, key }) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = server.connect();
        stream.set_read_timeout(Some(LIMIT))?;
        let mut stream = StreamOwned::new(tls, stream);
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::new(format!("no answer: {answer:?}")))?;
        let shown = stream.conn.peer_certificates().and_then(|chain| chain.first()).map(|one| one.to_vec());
        Ok((status, shown.unwrap_or_default()))
    }
}

fn pair(ca: &CertifiedIssuer<'static, KeyPair>, name: &str, purpose: ExtendedKeyUsagePurpose) -> Pair {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    Pair { certificate: certificate.pem(), key: key.serialize_pem() }
}

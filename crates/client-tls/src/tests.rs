use super::*;
use exporter_testkit::fixture::TempDir;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConnection, ServerConfig, ServerConnection};

/// A certificate in PEM form and its key.
struct Pair {
    certificate: String,
    key: KeyPair,
}

fn params(name: &str, authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn self_signed(params: &CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair { certificate: params.self_signed(&key).unwrap().pem(), key }
}

/// Shakes hands in memory with a server that shows this certificate, as `db.example`.
fn shake(tls: &ClientTls, server: &Pair) -> Result<(), rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(server.certificate.as_bytes()).map(Result::unwrap).collect();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(server.key.serialize_der()).into())?;
    let mut server = ServerConnection::new(Arc::new(config))?;
    let name = ServerName::try_from("db.example").unwrap();
    let mut client = ClientConnection::new(Arc::new(tls.config().unwrap()), name)?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        bytes.clear();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

fn trusting(verify: Verify, authorities: &Path) -> ClientTls {
    ClientTls { verify, authorities: Some(authorities.to_owned()), identity: None }
}

#[test]
fn chain_and_name() {
    let dir = TempDir::new().unwrap();
    let authority = CertifiedIssuer::self_signed(params("Ours", true), KeyPair::generate().unwrap()).unwrap();
    let of = |name: &str| {
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params(name, false).signed_by(&key, &authority).unwrap().pem(), key }
    };
    let ours = dir.write("ours.pem", authority.pem()).unwrap();
    let other = dir.write("other.pem", self_signed(&params("Other", true)).certificate).unwrap();
    let (right, wrong) = (of("db.example"), of("else.example"));
    for (verify, file, server, good) in [
        (Verify::Name, &ours, &right, true),
        (Verify::Name, &ours, &wrong, false),
        (Verify::Chain, &ours, &wrong, true),
        (Verify::Name, &other, &right, false),
        (Verify::Chain, &other, &right, false),
        (Verify::Nothing, &other, &wrong, true),
    ] {
        assert_eq!(shake(&trusting(verify, file), server).is_ok(), good, "{verify:?} {}", file.display());
    }
}

/// What `openssl req -x509` makes: its own authority.
#[test]
fn a_certificate_that_a_file_names() {
    let dir = TempDir::new().unwrap();
    let mut old = params("db.example", true);
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    for (params, good, any_name) in [
        (params("db.example", true), true, true),
        (params("db.example", false), true, true),
        (params("else.example", true), false, true),
        (old, false, false),
    ] {
        let server = self_signed(&params);
        let file = dir.write("server.pem", &server.certificate).unwrap();
        assert_eq!(shake(&trusting(Verify::Name, &file), &server).is_ok(), good);
        assert_eq!(shake(&trusting(Verify::Chain, &file), &server).is_ok(), any_name);
        // Trusted is that certificate, not one like it.
        assert!(shake(&trusting(Verify::Chain, &file), &self_signed(&params)).is_err());
    }
}

#[test]
fn errors_name_the_file_and_not_what_is_in_it() {
    let dir = TempDir::new().unwrap();
    let good = self_signed(&params("me", false));
    let certificate = dir.write("good.crt", &good.certificate).unwrap();
    let key = dir.write("good.key", good.key.serialize_pem()).unwrap();
    let other = dir.write("other.key", self_signed(&params("you", false)).key.serialize_pem()).unwrap();
    let text = dir.write("text.key", "-----BEGIN hunter2").unwrap();
    let encrypted = dir
        .write(
            "encrypted.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
    let with = |certificate: &PathBuf, key: &PathBuf| {
        let identity = Some((certificate.clone(), key.clone()));
        ClientTls { verify: Verify::Nothing, authorities: None, identity }.config()
    };
    assert!(with(&certificate, &key).is_ok());
    for (certificate, key, told) in [
        (&certificate, &other, "not the certificate's"),
        (&certificate, &text, "no private key"),
        (&certificate, &encrypted, "decrypt it first"),
        (&text, &key, "no certificate"),
        (&certificate, &dir.path().join("absent.key"), "No such file"),
    ] {
        let error = with(certificate, key).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains(".key") && !error.contains("hunter2"), "{error}");
    }
    let error = trusting(Verify::Name, &key).config().unwrap_err().to_string();
    assert!(error.contains("no certificate in PEM form"), "{error}");
}

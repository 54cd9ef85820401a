//! Encrypted connections and logins, with a real server that has certificates.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::postgres::hand_over;
use exporter_testkit::{Error, Result, wait};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, SanType,
};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::{Exporter, Server};

/// An authority and what it has signed, as files.
struct Pki {
    authority: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

impl Pki {
    fn new() -> Result<Self> {
        let mut params = named("Ours");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = made(CertifiedIssuer::self_signed(params, made(KeyPair::generate())?))?;
        let dir = TempDir::new()?;
        // The server reads it as somebody else.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))?;
        dir.write("ca.crt", authority.pem())?;
        let other = made(named("Other").self_signed(&made(KeyPair::generate())?))?;
        dir.write("other.crt", other.pem())?;
        Ok(Self { authority, dir })
    }

    /// `NAME.crt` and `NAME.key`.
    fn pair(
        &self,
        name: &str,
        subject: &str,
        address: Option<IpAddr>,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result {
        let mut params = named(subject);
        params.subject_alt_names = address.map(SanType::IpAddress).into_iter().collect();
        params.extended_key_usages = vec![purpose];
        let key = made(KeyPair::generate())?;
        let certificate = made(params.signed_by(&key, &self.authority))?;
        self.dir.write(format!("{name}.crt"), certificate.pem())?;
        let key = self.dir.write(format!("{name}.key"), key.serialize_pem())?;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
        hand_over(&key)?;
        Ok(())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn server(&self, major: u32) -> Result<Server> {
        let file = |setting: &str, name: &str| format!("{setting}={}", self.path(name).display());
        let settings = [
            file("ssl_cert_file", "server.crt"),
            file("ssl_key_file", "server.key"),
            file("ssl_ca_file", "ca.crt"),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).chain(["ssl=on"]).collect();
        Server::start(major, &settings)?.with_bed()
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

fn made<T>(result: std::result::Result<T, rcgen::Error>) -> Result<T> {
    result.map_err(Error::context("making a certificate"))
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Logs in with these options: whether it worked, and what was logged.
fn login(server: &Server, options: &str) -> Result<(bool, String)> {
    let dsn = format!("host=127.0.0.1 port={} user=watcher dbname=shop {options}", server.port());
    let exporter = Exporter::start(&dsn, &[])?;
    let up = exporter.page()?.value("pg_up");
    Ok((up == Some(1.0), exporter.log()))
}

fn use_rules(server: &Server, rules: &str) -> Result {
    let mut session = server.session("postgres")?;
    let file = session.text("SHOW hba_file")?;
    std::fs::write(file, format!("local all all trust\nhost all postgres 127.0.0.1/32 trust\n{rules}\n"))?;
    let before = session.text("SELECT pg_conf_load_time()::text")?;
    session.run("SELECT pg_reload_conf()")?;
    wait::until("the new rules to hold", wait::LONG, || {
        let now = server.session("postgres")?.text("SELECT pg_conf_load_time()::text")?;
        if now == before { Err(exporter_testkit::Error::new("not loaded")) } else { Ok(()) }
    })
}

#[test]
fn certificates_of_servers() -> Result {
    let pki = Pki::new()?;
    pki.pair("server", "db.example", Some(HERE), ExtendedKeyUsagePurpose::ServerAuth)?;
    let server = pki.server(17)?;
    use_rules(&server, "hostssl all watcher 127.0.0.1/32 trust")?;
    let (ours, other) = (pki.path("ca.crt"), pki.path("other.crt"));
    let (ours, other) = (ours.display(), other.display());
    for (options, good, told) in [
        ("sslmode=disable".to_owned(), false, "no encryption"),
        ("sslmode=require".to_owned(), true, ""),
        ("sslmode=prefer".to_owned(), true, ""),
        (format!("sslmode=require sslrootcert={other}"), false, "UnknownIssuer"),
        (format!("sslmode=verify-ca sslrootcert={ours}"), true, ""),
        (format!("sslmode=verify-ca sslrootcert={other}"), false, "UnknownIssuer"),
        (format!("sslmode=verify-full sslrootcert={ours}"), true, ""),
        (format!("sslmode=verify-full sslrootcert={ours} sslnegotiation=direct"), true, ""),
        // The system's authorities have not signed it.
        ("sslmode=verify-full".to_owned(), false, "UnknownIssuer"),
        (format!("sslmode=verify-full sslrootcert={ours}.absent"), false, "No such file"),
    ] {
        let (up, log) = login(&server, &options)?;
        assert_eq!(up, good, "{options}: {log}");
        assert!(
            good || (log.contains(told) && log.contains("class=tls")) || options.contains("disable"),
            "{options}: {log}"
        );
    }
    // Another name than the one that is connected to: the chain is good, the name is not.
    pki.pair("server", "db.example", Some(ELSEWHERE), ExtendedKeyUsagePurpose::ServerAuth)?;
    use_rules(&server, "hostssl all watcher 127.0.0.1/32 trust")?;
    assert!(login(&server, &format!("sslmode=verify-ca sslrootcert={ours}"))?.0);
    let (up, log) = login(&server, &format!("sslmode=verify-full sslrootcert={ours}"))?;
    assert!(!up && log.contains("certificate not valid for name"), "{log}");
    Ok(())
}

#[test]
fn certificates_of_clients() -> Result {
    let pki = Pki::new()?;
    pki.pair("server", "db.example", Some(HERE), ExtendedKeyUsagePurpose::ServerAuth)?;
    pki.pair("watcher", "watcher", None, ExtendedKeyUsagePurpose::ClientAuth)?;
    pki.pair("stranger", "stranger", None, ExtendedKeyUsagePurpose::ClientAuth)?;
    let server = pki.server(16)?;
    use_rules(&server, "hostssl all watcher 127.0.0.1/32 cert")?;
    let with = |name: &str| {
        let file = |end: &str| pki.path(&format!("{name}.{end}"));
        let (root, cert, key) = (pki.path("ca.crt"), file("crt"), file("key"));
        format!(
            "sslmode=verify-full sslrootcert={} sslcert={} sslkey={}",
            root.display(),
            cert.display(),
            key.display()
        )
    };
    let (up, log) = login(&server, &with("watcher"))?;
    assert!(up, "{log}");
    let (up, log) = login(&server, &with("stranger"))?;
    assert!(!up && log.contains("class=authentication"), "{log}");
    let (up, log) = login(&server, "sslmode=require")?;
    assert!(!up && log.contains("valid client certificate"), "{log}");
    Ok(())
}

/// SCRAM with and without the binding to the connection, md5, and a password file.
#[test]
fn passwords() -> Result {
    let pki = Pki::new()?;
    pki.pair("server", "db.example", Some(HERE), ExtendedKeyUsagePurpose::ServerAuth)?;
    let server = pki.server(15)?;
    let bound =
        format!("sslmode=verify-full sslrootcert={} channel_binding=require", pki.path("ca.crt").display());
    let mut session = server.session("postgres")?;
    session.run("SET password_encryption = 'scram-sha-256'; ALTER ROLE watcher PASSWORD 'right'")?;
    use_rules(&server, "host all watcher 127.0.0.1/32 scram-sha-256")?;
    for options in ["sslmode=disable password=right", &format!("{bound} password=right")] {
        let (up, log) = login(&server, options)?;
        assert!(up, "{options}: {log}");
    }
    // Asked for, it cannot be had without encryption.
    assert!(!login(&server, "sslmode=disable channel_binding=require password=right")?.0);
    let port = server.port();
    let passfile =
        pki.dir.write("pass", format!("other:*:*:*:wrong\n127.0.0.1:{port}:shop:watcher:right\n"))?;
    assert!(login(&server, &format!("sslmode=disable passfile={}", passfile.display()))?.0);
    session.run("SET password_encryption = 'md5'; ALTER ROLE watcher PASSWORD 'right'")?;
    use_rules(&server, "host all watcher 127.0.0.1/32 md5")?;
    assert!(login(&server, "sslmode=disable password=right")?.0);
    assert!(!login(&server, "sslmode=disable password=wrong")?.0);
    Ok(())
}

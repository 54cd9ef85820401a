//! The program itself, as it is started: where it finds keys, whom it trusts, and many who ask at once.

use exporter_testkit::fixture::{TempDir, tree};
use exporter_testkit::http::get;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, wait};
use fake_s3::{FakeS3, Fault};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use crate::moto::Moto;

const SECRET: &str = "hunter2hunter2";

struct Program {
    process: Process,
    port: Port,
}

impl Program {
    /// With nothing in its environment but this.
    fn start(env: &[(&str, &str)], args: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_s3-exporter"));
        command.arg(format!("--web.listen-address={}", port.address())).args(args);
        // On machines of a cloud the tests must not find the machine's own.
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").envs(env.iter().copied());
        let mut process = Process::spawn(&mut command)?;
        process.wait_http(&format!("http://{}/", port.address()), wait::LONG)?;
        Ok(Self { process, port })
    }

    fn get(&self, path: &str) -> Result<String> {
        Ok(get(&format!("http://{}{path}", self.port.address()), &[])?.text())
    }

    fn page_with(&mut self, part: &str) -> Result<String> {
        let url = format!("http://{}/metrics", self.port.address());
        self.process.until(part, wait::LONG, || {
            let page = get(&url, &[])?.text();
            if page.contains(part) { Ok(page) } else { Err(Error::new(page)) }
        })
    }
}

/// Who signs, and what the log says of it.
fn signer(env: &[(&str, &str)], args: &[&str]) -> Result<(String, String)> {
    let server = FakeS3::start()?;
    server.put("b", "x", 1, 1.0);
    let endpoint = format!("--s3.endpoint-url={}", server.url());
    let args = [args, &[&endpoint, "--target=b"]].concat();
    let mut program = Program::start(env, &args)?;
    let page = program.page_with("s3_list_success{bucket=\"b\",prefix=\"\",delimiter=\"\"} 1")?;
    let log = program.process.stderr() + &program.process.stdout();
    assert!(!log.contains(SECRET) && !page.contains(SECRET), "{log}");
    let signer = server.state().signers.last().cloned().unwrap_or_default();
    let told = log.lines().find(|line| line.contains("credentials found")).unwrap_or_default();
    Ok((signer, told.to_owned()))
}

/// Answers of a service that gives out keys, by path; others are 404. It wants this header.
fn keys(wanted: &'static str, answers: &'static [(&'static str, &'static str)]) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(std::io::Result::ok) {
            let lines: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(std::io::Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let request = lines.first().cloned().unwrap_or_default();
            let is_allowed =
                request.starts_with("PUT") || lines.iter().any(|line| line.eq_ignore_ascii_case(wanted));
            let found = answers.iter().find(|(start, _)| request.starts_with(&format!("{start} ")));
            let (status, body) = match found {
                Some((_, body)) if is_allowed => ("200 OK", *body),
                Some(_) => ("401 Unauthorized", ""),
                None => ("404 Not Found", ""),
            };
            let _ = write!(
                &stream,
                "HTTP/1.1 {status}\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    Ok(address)
}

#[test]
fn keys_of_the_environment_and_of_profiles() -> Result {
    let files = tree(&[
        (
            "credentials",
            format!("[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = {SECRET}\n"),
        ),
        (
            "config",
            format!("[profile backup]\naws_access_key_id = AKBACKUP\naws_secret_access_key = {SECRET}\n"),
        ),
    ])?;
    let path = |name: &str| files.path().join(name).display().to_string();
    let (credentials, config) = (path("credentials"), path("config"));
    let profiles =
        [("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", config.as_str())];
    let environment = [("AWS_ACCESS_KEY_ID", "AKENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    let all = [&profiles[..], &environment].concat();
    let named = [&profiles[..], &[("AWS_PROFILE", "backup")]].concat();
    for (env, args, key, source) in [
        (&all, &[][..], "AKENVIRONMENT", "source=environment"),
        (&profiles.to_vec(), &[], "AKDEFAULT", "source=profile"),
        (&named, &[], "AKBACKUP", "source=profile"),
        // Who names a profile means it.
        (&all, &["--s3.profile=backup"], "AKBACKUP", "source=profile"),
        (&all, &["--s3.anonymous"], "", ""),
    ] {
        let (signer, told) = signer(env, args)?;
        assert_eq!(signer, key, "{args:?}");
        assert!(told.contains(source), "{told}");
    }
    Ok(())
}

#[test]
fn keys_of_a_web_identity() -> Result {
    let moto = Moto::start()?;
    let token = tree(&[("token", "a.b.c")])?;
    let token = token.path().join("token").display().to_string();
    let (signer, told) = signer(
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/exporter"),
            ("AWS_ENDPOINT_URL_STS", &moto.url()),
            ("AWS_REGION", "eu-central-1"),
        ],
        &[],
    )?;
    // Keys that are given out for a while begin so.
    assert!(signer.starts_with("ASIA"), "{signer}");
    assert!(told.contains("source=\"web identity\""), "{told}");
    Ok(())
}

const GIVEN: &str = "{\"Code\": \"Success\", \"Type\": \"AWS-HMAC\", \"LastUpdated\": \"2026-01-01T00:00:00Z\", \
    \"AccessKeyId\": \"ASIAGIVEN\", \"SecretAccessKey\": \"hunter2hunter2\", \"Token\": \"t\", \"Expiration\": \"2099-01-01T00:00:00Z\"}";

#[test]
fn keys_of_a_container() -> Result {
    let address = keys("authorization: sesame", &[("GET /role", GIVEN)])?;
    let (signer, told) = signer(
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{address}/role")),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "sesame"),
        ],
        &[],
    )?;
    assert_eq!(signer, "ASIAGIVEN");
    assert!(told.contains("source=container"), "{told}");
    Ok(())
}

#[test]
fn keys_of_the_machine() -> Result {
    let address = keys(
        "x-aws-ec2-metadata-token: sesame",
        &[
            ("PUT /latest/api/token", "sesame"),
            ("GET /latest/meta-data/iam/security-credentials/", "role"),
            ("GET /latest/meta-data/iam/security-credentials/role", GIVEN),
        ],
    )?;
    let (signer, told) = signer(
        &[
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{address}")),
        ],
        &[],
    )?;
    assert_eq!(signer, "ASIAGIVEN");
    assert!(told.contains("source=\"instance metadata\""), "{told}");
    Ok(())
}

/// An authority, and a server's certificate that it has signed.
fn certificates() -> std::result::Result<TempDir, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let files =
        [("ca.pem", authority.pem()), ("server.pem", certificate.pem()), ("server.key", key.serialize_pem())];
    Ok(tree(&files).unwrap())
}

#[test]
fn a_server_is_believed_that_its_authority_knows() -> Result {
    let files = certificates().map_err(Error::context("making certificates"))?;
    let path = |name: &str| files.path().join(name).display().to_string();
    let moto = Moto::start_with(&["-s", "-c", &path("server.pem"), "-k", &path("server.key")])?;
    let url = moto.url().replace("http://", "https://");
    let credentials = format!("credentials: {{access_key_id: a, secret_access_key: {SECRET}}}");
    let file = |ca_file: &str| {
        files.write(
            "targets.yml",
            format!("endpoints: [{{url: '{url}', {credentials}{ca_file}}}]\nprobes: [{{bucket: b, access: {{mode: list}}}}]"),
        )
    };
    let targets = format!("--targets.file={}", file(&format!(", ca_file: {}", path("ca.pem")))?.display());
    // The bucket is not there; what counts is who says so.
    let trusting = Program::start(&[], &[&targets])?.page_with("code=\"NoSuchBucket\"")?;
    assert!(!trusting.contains("dispatch"), "{trusting}");
    let targets = format!("--targets.file={}", file("")?.display());
    let mut wary = Program::start(&[], &[&targets])?;
    wary.page_with("s3_probe_failures_total{bucket=\"b\",check=\"access\",code=\"dispatch\"}")?;
    let log = wary.process.stderr() + &wary.process.stdout();
    assert!(log.contains("certificate") && !log.contains(SECRET), "{log}");
    Ok(())
}

#[test]
fn ten_who_ask_at_once_get_one_listing() -> Result {
    let server = FakeS3::start()?;
    for number in 0..2500 {
        server.put("b", &format!("{number:05}"), 1, 1.0);
    }
    server.state().delay = Duration::from_millis(300);
    let endpoint = format!("--s3.endpoint-url={}", server.url());
    let program = Program::start(&[], &[&endpoint, "--s3.anonymous"])?;
    let pages: Vec<Result<String>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|_| scope.spawn(|| program.get("/probe?bucket=b"))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for page in pages {
        let page = page?;
        assert!(page.contains("s3_objects{bucket=\"b\",prefix=\"\"} 2500\n"), "{page}");
    }
    assert_eq!(server.count(""), 3, "{:?}", server.state().requests);
    Ok(())
}

#[test]
fn buckets_are_targets() -> Result {
    let server = FakeS3::start()?;
    for bucket in ["app", "logs", "secret"] {
        server.put(bucket, "x", 1, 1.0);
    }
    let endpoint = format!("--s3.endpoint-url={}", server.url());
    let program = Program::start(&[], &[&endpoint, "--s3.anonymous", "--probe.allow=(app|logs)/.*"])?;
    let host = program.port.address();
    let target =
        |bucket: &str| format!("{{\"labels\":{{\"__param_bucket\":\"{bucket}\"}},\"targets\":[\"{host}\"]}}");
    for _ in 0..3 {
        assert_eq!(program.get("/discovery")?, format!("[{},{}]", target("app"), target("logs")));
    }
    assert_eq!(server.count("ListBuckets"), 1);
    server.fail(Fault::AccessDenied);
    let program = Program::start(&[], &[&endpoint, "--s3.anonymous"])?;
    let answer = get(&format!("http://{}/discovery", program.port.address()), &[])?;
    assert_eq!((answer.status, answer.text().contains("AccessDenied")), (500, true), "{}", answer.text());
    Ok(())
}

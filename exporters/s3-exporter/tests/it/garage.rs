//! Garage: a server that checks signatures and regions, has quotas, and knows no versions.
//!
//! Its build takes minutes, so these tests run only when they are asked for: `cargo xtask garage`.

use exporter_testkit::fixture::{TempDir, tree};
use exporter_testkit::http::send;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, tools, wait};
use fake_s3::{Content, FakeS3, Object, Upload};
use std::process::Command;
use std::time::Duration;

use crate::bed::{self, BUCKET, Server};
use crate::moto::Moto;
use crate::support::{Ours, Page, date, now};

const REGION: &str = "garage";
const TOKEN: &str = "s3-exporter-test";
const ID: &str = "GK31c2f218a2e44f485b94239e";
const SECRET: &str = "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835";

struct Garage {
    _process: Process,
    api: Port,
    admin: Port,
    _dir: TempDir,
}

impl Garage {
    fn start() -> Result<Self> {
        let [api, rpc, admin] = [ports::free()?, ports::free()?, ports::free()?];
        let dir = tree(&[("data/here", ""), ("meta/here", "")])?;
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(
            "metadata_dir = '{}'\ndata_dir = '{}'\ndb_engine = 'lmdb'\nreplication_factor = 1\n\
             rpc_bind_addr = '{rpc}'\nrpc_public_addr = '{rpc}'\nrpc_secret = '{}'\n\
             [s3_api]\ns3_region = '{REGION}'\napi_bind_addr = '{}'\nroot_domain = '.s3.localhost'\n\
             [admin]\napi_bind_addr = '{}'\nadmin_token = '{TOKEN}'\n",
            at("meta"),
            at("data"),
            "0".repeat(64),
            api.address(),
            admin.address(),
            rpc = rpc.address(),
        );
        std::fs::write(dir.path().join("garage.toml"), config)?;
        let program = tools::path("garage")
            .map_err(|_| Error::new("garage is missing: run `cargo xtask garage`, which builds it"))?;
        let mut command = Command::new(program);
        command.args(["-c", &at("garage.toml"), "server", "--single-node", "--default-access-key"]);
        command.envs([("GARAGE_DEFAULT_ACCESS_KEY", ID), ("GARAGE_DEFAULT_SECRET_KEY", SECRET)]);
        let mut process = Process::spawn(&mut command)?;
        let health = format!("http://{}/health", admin.address());
        process.wait_http(&health, wait::LONG)?;
        Ok(Self { _process: process, api, admin, _dir: dir })
    }

    fn url(&self) -> String {
        format!("http://{}", self.api.address())
    }

    fn admin(&self, method: &str, path: &str, body: &str) -> String {
        let url = format!("http://{}/v2/{path}", self.admin.address());
        let token = format!("Bearer {TOKEN}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        let answer = send(method, &url, &headers, body.as_bytes(), Duration::from_secs(20)).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Takes no more objects than it has.
    fn fill_up(&self, objects: u32) {
        let buckets: serde_json::Value = serde_json::from_str(&self.admin("GET", "ListBuckets", "")).unwrap();
        let id = buckets[0]["id"].as_str().unwrap();
        let quota = format!("{{\"quotas\": {{\"maxSize\": null, \"maxObjects\": {objects}}}}}");
        self.admin("POST", &format!("UpdateBucket?id={id}"), &quota);
    }
}

/// What the fake has when `Server::fill` has filled it, but for uploads, which it does not take.
fn fake() -> FakeS3 {
    let server = FakeS3::start().unwrap();
    let today = date(now());
    for number in 0..2100 {
        let key = format!("logs/prod/web{}/{today}/{number} + é&.gz", number % 2);
        server.put(BUCKET, &key, 10, now());
    }
    let big = (5 << 20) + 7;
    for (key, size) in [("db/full.dump", 6), ("db/twice.dump", 10), ("empty", 0), ("big/finished", big)] {
        server.state().put(BUCKET, key, Object::new(Content::Size(size), now()));
    }
    let upload = Upload { begun: now(), parts: vec![5 << 20, 7] };
    let mut state = server.state();
    let bucket = state.buckets.get_mut(BUCKET).unwrap();
    bucket.uploads.insert(("big/unfinished".to_owned(), "1".to_owned()), upload);
    drop(state);
    server
}

#[test]
#[ignore = "Garage takes minutes to build: cargo xtask garage"]
fn all_servers_agree_on_the_same_objects() -> Result {
    let (garage, moto, fake) = (Garage::start()?, Moto::start()?, fake());
    let (garage_url, moto_url) = (garage.url(), moto.url());
    let of_garage = Server { url: &garage_url, region: REGION, keys: (ID, SECRET) };
    let of_moto = Server { url: &moto_url, region: "us-east-1", keys: ("a", "b") };
    of_garage.fill();
    of_moto.fill();
    let sums = bed::sums(&of_garage.endpoint());
    bed::check(&sums);
    let of_fake = format!("url: '{}', credentials: {{source: anonymous}}", fake.url());
    assert_eq!(sums, bed::sums(&of_fake), "the fake");
    // moto's list of parts begins with an element that S3 does not have: their sizes cannot be known.
    let without_parts = |sums: Vec<String>| {
        let parts = ["s3_multipart_uploads_bytes{", "s3_list_pages{"];
        sums.into_iter().filter(|line| !parts.iter().any(|start| line.starts_with(start))).collect()
    };
    let (sums, moto): (Vec<_>, Vec<_>) = (without_parts(sums), without_parts(bed::sums(&of_moto.endpoint())));
    assert_eq!(sums, moto, "moto");
    Ok(())
}

#[test]
#[ignore = "Garage takes minutes to build: cargo xtask garage"]
fn what_garage_has_not_and_what_it_refuses() -> Result {
    let garage = Garage::start()?;
    let url = garage.url();
    let server = Server { url: &url, region: REGION, keys: (ID, SECRET) };
    server.fill();
    settings_and_versions(&server);
    strangers(&url);
    region_that_nobody_told(&url);
    full_bucket(&garage, &server);
    Ok(())
}

/// A list of versions that there is not is a failure: sums without them would look like what is billed.
fn settings_and_versions(server: &Server<'_>) {
    let ours = Ours::with_text(&format!(
        "endpoints: [{{{}}}]\ntargets: [{{bucket: {BUCKET}}}, {{bucket: {BUCKET}, prefix: db/, versions: true}}]",
        server.endpoint()
    ));
    let page = ours.page_when("the list and the settings", |page| {
        page.value("s3_bucket_lifecycle_rules").is_some()
            && page.value("s3_objects{bucket=\"box\",prefix=\"\"}").is_some()
            && page.value("s3_list_success{bucket=\"box\",prefix=\"db/\",delimiter=\"\"}").is_some()
    });
    assert_eq!(page.value("s3_bucket_versioning_enabled"), Some(0.0), "{}", page.text);
    assert_eq!(page.value("s3_bucket_lifecycle_rules"), Some(0.0), "{}", page.text);
    assert!(!page.text.contains("s3_bucket_replication_rules"), "{}", page.text);
    assert_eq!(page.value("s3_list_success{bucket=\"box\",prefix=\"db/\",delimiter=\"\"}"), Some(0.0));
    assert!(has_code(&page, "NotImplemented"), "{}", page.text);
}

/// Nobody, somebody it does not know, and somebody with a wrong secret.
fn strangers(url: &str) {
    for credentials in [
        "source: anonymous".to_owned(),
        format!("access_key_id: GK000000000000000000000000, secret_access_key: {SECRET}"),
        format!("access_key_id: {ID}, secret_access_key: {}", "0".repeat(64)),
    ] {
        let ours = Ours::with_text(&format!(
            "endpoints: [{{url: '{url}', region: {REGION}, credentials: {{{credentials}}}}}]"
        ));
        let page = ours.probe(&[("bucket", BUCKET)]).unwrap();
        assert_eq!(page.value("s3_list_success"), Some(0.0), "{credentials}: {}", page.text);
        assert!(has_code(&page, "AccessDenied"), "{credentials}: {}", page.text);
    }
}

/// The server says in its refusal which it wants.
fn region_that_nobody_told(url: &str) {
    let ours = Ours::with_text(&format!(
        "endpoints: [{{url: '{url}', credentials: {{access_key_id: {ID}, secret_access_key: {SECRET}}}}}]
targets: [{{bucket: {BUCKET}}}]
probes: [{{bucket: {BUCKET}, access: {{interval: 1s}}}}]"
    ));
    ours.page_with(&[
        ("s3_objects", 2104.0),
        ("s3_probe_success{bucket=\"box\",check=\"access\"}", 1.0),
        ("s3_bucket_info{bucket=\"box\",region=\"garage\"}", 1.0),
    ]);
}

fn full_bucket(garage: &Garage, server: &Server<'_>) {
    let ours = Ours::with_text(&format!(
        "endpoints: [{{{}}}]\nprobes: [{{bucket: {BUCKET}, access: {{interval: 200ms}}, roundtrip: {{interval: 200ms}}}}]",
        server.endpoint()
    ));
    ours.page_with(&[
        ("s3_probe_success{bucket=\"box\",check=\"access\"}", 1.0),
        ("s3_probe_success{bucket=\"box\",check=\"roundtrip\"}", 1.0),
    ]);
    garage.fill_up(1);
    let page = ours.page_with(&[
        ("s3_probe_success{bucket=\"box\",check=\"access\"}", 1.0),
        ("s3_probe_success{bucket=\"box\",check=\"roundtrip\"}", 0.0),
    ]);
    let failures = "s3_probe_failures_total{bucket=\"box\",check=\"roundtrip\",code=\"AccessDenied\"}";
    assert!(page.value(failures).is_some(), "{}", page.text);
}

fn has_code(page: &Page, code: &str) -> bool {
    page.text
        .lines()
        .any(|line| line.starts_with("s3_list_errors_total{") && line.contains(&format!("code=\"{code}\"")))
}

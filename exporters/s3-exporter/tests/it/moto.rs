//! What moto has, which is nobody of ours: counts and bytes of lists, and CloudWatch.

use exporter_testkit::http::{Response, get, send};
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Result, tools, wait};
use std::process::Command;
use std::time::Duration;

use crate::support::{Ours, now};

pub(crate) struct Moto {
    _process: Process,
    port: Port,
}

impl Moto {
    pub(crate) fn start() -> Result<Self> {
        let moto = Self::start_with(&[])?;
        let url = format!("{}/moto-api/", moto.url());
        wait::until("moto", wait::LONG, || get(&url, &[])?.expect_status(200))?;
        Ok(moto)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    pub(crate) fn start_with(args: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let path = tools::workspace_root().join("target/tools/python");
        assert!(path.join("moto").exists(), "moto is missing: run `cargo xtask setup`");
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", path).args([
            "-m",
            "moto.server",
            "-H",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ]);
        command.args(args);
        let mut process = Process::spawn(&mut command)?;
        process.wait_stderr_line("Running on", wait::LONG)?;
        Ok(Self { _process: process, port })
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.ask_service("s3", method, path, headers, body)
    }

    fn ask_service(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let url = format!("http://{}{path}", self.port.address());
        // It reads the region and the service from a signature that it does not check.
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let headers = [&[("Authorization", signature.as_str())], headers].concat();
        let answer = send(method, &url, &headers, body.as_bytes(), Duration::from_secs(20)).unwrap();
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        answer
    }
}

#[test]
fn as_moto_has_it() -> Result {
    let moto = Moto::start()?;
    moto.ask("PUT", "/box", &[], "");
    moto.ask(
        "PUT",
        "/box?versioning",
        &[],
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    );
    let day = fake_s3::time(now())[..10].to_owned();
    // More than a page.
    for number in 0..1100 {
        moto.ask(
            "PUT",
            &format!("/box/logs/prod/web{}/{day}/{number}%20%26.gz", number % 2),
            &[],
            "0123456789",
        );
    }
    moto.ask("PUT", "/box/db/full.dump", &[("x-amz-storage-class", "GLACIER")], "abcd");
    for body in ["first", "the second"] {
        moto.ask("PUT", "/box/db/twice.dump", &[], body);
    }
    moto.ask("PUT", "/box/db/gone.dump", &[], "gone");
    moto.ask("DELETE", "/box/db/gone.dump", &[], "");
    moto.ask("PUT", "/box/empty", &[], "");
    moto.ask("POST", "/box/upload?uploads", &[], "");
    moto.ask(
        "PUT",
        "/box?lifecycle",
        &[],
        "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter>\
         <Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>",
    );
    let file = format!(
        "endpoints: [{{url: 'http://{}', credentials: {{access_key_id: a, secret_access_key: b}}}}]
targets:
  - {{bucket: box, versions: true, pattern: 'logs/{{env}}/{{host}}/{{date}}/'}}
  - {{bucket: box, prefix: db/, expectations: [{{name: dump, key: '.*\\.dump', max_age: 1h, min_bytes: 1}}]}}
probes: [{{bucket: box, access: {{}}, roundtrip: {{interval: 1h}}}}]
",
        moto.port.address()
    );
    let ours = Ours::with_text(&file);
    let whole = |name: &str| format!("{name}{{bucket=\"box\",prefix=\"\"}}");
    let usage = |class: &str, version: &str| {
        format!(
            "s3_bucket_usage_bytes{{bucket=\"box\",prefix=\"\",storage_class=\"{class}\",version=\"{version}\"}}"
        )
    };
    let group = |name: &str| {
        format!(
            "s3_group_{name}{{bucket=\"box\",pattern=\"logs/{{env}}/{{host}}/{{date}}/\",group=\"prod/web1\"}}"
        )
    };
    let page = ours.page_with(&[
        ("s3_probe_success{bucket=\"box\",check=\"access\"}", 1.0),
        ("s3_probe_success{bucket=\"box\",check=\"roundtrip\"}", 1.0),
        ("s3_expectation_met{name=\"dump\",bucket=\"box\",prefix=\"db/\",check=\"age\"}", 1.0),
        ("s3_bucket_lifecycle_expiration_days{bucket=\"box\",rule=\"r\",prefix=\"logs/\"}", 30.0),
        ("s3_objects{bucket=\"box\",prefix=\"db/\"}", 2.0),
        ("s3_objects{bucket=\"box\",prefix=\"\"}", 1103.0),
    ]);
    for (series, value) in [
        (whole("s3_objects"), 1103.0),
        (whole("s3_objects_size_sum_bytes"), 11_000.0 + 4.0 + 10.0),
        (usage("STANDARD", "current"), 11_010.0),
        (usage("GLACIER", "current"), 4.0),
        (usage("STANDARD", "noncurrent"), 5.0 + 4.0),
        (whole("s3_bucket_delete_markers"), 1.0),
        (whole("s3_empty_objects"), 1.0),
        (whole("s3_multipart_uploads"), 1.0),
        (group("objects"), 550.0),
        (group("bytes"), 5500.0),
        (group("partitions"), 1.0),
        ("s3_group_unmatched_objects".to_owned(), 3.0),
    ] {
        assert_eq!(page.value(&series), Some(value), "{series}\n{}", page.text);
    }
    assert!((now() - page.value(&whole("s3_newest_object_timestamp_seconds")).unwrap()).abs() < 120.0);
    let levels = ours.probe(&[("bucket", "box"), ("delimiter", "/")]).unwrap();
    assert_eq!(levels.value("s3_common_prefixes"), Some(2.0), "{}", levels.text);
    let missing = ours.probe(&[("bucket", "no-such-bucket")]).unwrap();
    assert_eq!(missing.value("s3_list_success"), Some(0.0), "{}", missing.text);
    Ok(())
}

#[cfg(feature = "cloudwatch")]
#[test]
fn sizes_that_cloudwatch_knows() -> Result {
    let moto = Moto::start()?;
    let old = now() - 2.0 * 86_400.0;
    let fresh = now() - 86_400.0;
    let put = |bucket: &str, name: &str, storage_type: &str, at: f64, value: f64| {
        let form = format!(
            "Action=PutMetricData&Version=2010-08-01&Namespace=AWS%2FS3&MetricData.member.1.MetricName={name}\
             &MetricData.member.1.Value={value}&MetricData.member.1.Timestamp={}\
             &MetricData.member.1.Dimensions.member.1.Name=BucketName&MetricData.member.1.Dimensions.member.1.Value={bucket}\
             &MetricData.member.1.Dimensions.member.2.Name=StorageType&MetricData.member.1.Dimensions.member.2.Value={storage_type}",
            fake_s3::time(at)
        );
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        moto.ask_service("monitoring", "POST", "/", &kind, &form);
    };
    put("huge", "BucketSizeBytes", "StandardStorage", old, 1e12);
    put("huge", "BucketSizeBytes", "StandardStorage", fresh, 2e12);
    put("huge", "BucketSizeBytes", "GlacierStorage", fresh, 5e11);
    put("huge", "BucketSizeBytes", "GlacierObjectOverhead", fresh, 12345.0);
    put("huge", "NumberOfObjects", "AllStorageTypes", fresh, 3e8);
    put("other", "BucketSizeBytes", "StandardStorage", fresh, 1.0);
    let file = format!(
        "endpoints: [{{url: 'http://{0}', cloudwatch_url: 'http://{0}', credentials: {{access_key_id: a, secret_access_key: b}}}}]
targets:
  - {{bucket: huge, usage: cloudwatch, quota_bytes: 5TB, bucket_settings: false}}
  - {{bucket: none, usage: cloudwatch, bucket_settings: false}}
",
        moto.port.address()
    );
    let ours = Ours::with_text(&file);
    let page = ours.page_when("both to be asked for", |page| {
        page.value("s3_bucket_usage_timestamp_seconds{bucket=\"huge\"}").is_some()
            && page.text.contains("s3_operations_total{operation=\"ListMetrics\",bucket=\"none\"")
    });
    let bytes = |class: &str| {
        page.value(&format!(
            "s3_bucket_usage_bytes{{bucket=\"huge\",prefix=\"\",storage_class=\"{class}\",version=\"all\"}}"
        ))
    };
    assert_eq!(
        [bytes("STANDARD"), bytes("GLACIER"), bytes("GlacierObjectOverhead")],
        [Some(2e12), Some(5e11), Some(12345.0)],
        "{}",
        page.text
    );
    assert_eq!(page.value("s3_bucket_usage_objects"), Some(3e8), "{}", page.text);
    assert_eq!(page.value("s3_bucket_usage_source_info{bucket=\"huge\",source=\"cloudwatch\"}"), Some(1.0));
    let at = page.value("s3_bucket_usage_timestamp_seconds").unwrap();
    assert!((at - fresh).abs() < 86_400.0, "{at} and {fresh}");
    for (series, value) in [
        ("s3_exporter_requests_total{class=\"cloudwatch\"}", 3.0),
        ("s3_operations_total{operation=\"GetMetricData\",bucket=\"huge\",status=\"success\"}", 1.0),
        ("s3_bucket_quota_bytes{bucket=\"huge\",prefix=\"\",source=\"config\"}", 5e12),
    ] {
        assert_eq!(page.value(series), Some(value), "{series}\n{}", page.text);
    }
    // Nothing was listed.
    assert!(!page.text.contains("ListObjects") && !page.text.contains("s3_objects"), "{}", page.text);
    Ok(())
}

//! The same objects on servers of different make, written through their API.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::support::{Ours, date, now};

pub(crate) const BUCKET: &str = "box";

/// Logs of two hosts: more than two pages.
const LOGS: usize = 2100;
/// The smallest part that a server takes which is not the last.
const PART: usize = 5 << 20;

/// A server, and who writes to it.
pub(crate) struct Server<'a> {
    pub(crate) url: &'a str,
    pub(crate) region: &'static str,
    pub(crate) keys: (&'a str, &'a str),
}

impl Server<'_> {
    /// An endpoint of a file of targets.
    pub(crate) fn endpoint(&self) -> String {
        let Self { url, region, keys: (id, secret) } = self;
        format!(
            "url: '{url}', region: {region}, credentials: {{access_key_id: {id}, secret_access_key: {secret}}}"
        )
    }

    fn client(&self) -> Client {
        let http = aws_smithy_http_client::Builder::new().build_http();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(self.url)
            .region(Region::new(self.region))
            .credentials_provider(Credentials::new(self.keys.0, self.keys.1, None, None, "test"))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .force_path_style(true);
        Client::from_conf(config.build())
    }

    /// Fills the bucket.
    pub(crate) fn fill(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = self.client();
            client.create_bucket().bucket(BUCKET).send().await.map_err(said).unwrap();
            let today = date(now());
            for number in 0..LOGS {
                let key = format!("logs/prod/web{}/{today}/{number} + é&.gz", number % 2);
                put(&client, &key, "0123456789").await;
            }
            put(&client, "db/full.dump", "abcdef").await;
            put(&client, "db/twice.dump", "first").await;
            put(&client, "db/twice.dump", "the second").await;
            put(&client, "db/gone.dump", "gone").await;
            client.delete_object().bucket(BUCKET).key("db/gone.dump").send().await.map_err(said).unwrap();
            put(&client, "empty", "").await;
            uploads(&client).await;
        });
    }
}

async fn put(client: &Client, key: &str, body: &'static str) {
    let body = ByteStream::from_static(body.as_bytes());
    client.put_object().bucket(BUCKET).key(key).body(body).send().await.map_err(said).unwrap();
}

/// One that was finished, one that was not.
async fn uploads(client: &Client) {
    for (key, is_finished) in [("big/finished", true), ("big/unfinished", false)] {
        let begun = client.create_multipart_upload().bucket(BUCKET).key(key).send().await;
        let id = begun.map_err(said).unwrap().upload_id.unwrap();
        let mut parts = Vec::new();
        for (number, size) in [(1, PART), (2, 7)] {
            let body = ByteStream::from(vec![b'x'; size]);
            let part = client.upload_part().bucket(BUCKET).key(key).upload_id(&id).part_number(number);
            let tag = part.body(body).send().await.map_err(said).unwrap().e_tag;
            parts.push(CompletedPart::builder().part_number(number).set_e_tag(tag).build());
        }
        if is_finished {
            let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
            let complete = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(&id);
            complete.multipart_upload(parts).send().await.map_err(said).unwrap();
        }
    }
}

fn said<E: std::error::Error>(error: E) -> String {
    DisplayErrorContext(error).to_string()
}

/// What an exporter says of the bucket that does not depend on when it was filled.
pub(crate) fn sums(endpoint: &str) -> Vec<String> {
    let file = format!(
        "endpoints: [{{{endpoint}}}]
targets:
  - {{bucket: {BUCKET}, multipart_bytes: true, pattern: 'logs/{{env}}/{{host}}/{{date}}/'}}
  - {{bucket: {BUCKET}, prefix: db/, expectations: [{{name: dump, key: '.*\\.dump', max_age: 1h, min_bytes: 5, min_count: 2}}]}}
"
    );
    let ours = Ours::with_text(&file);
    let page = ours.page_when("both targets to be listed", |page| {
        ["", "db/"].iter().all(|prefix| {
            let success =
                format!("s3_list_success{{bucket=\"{BUCKET}\",prefix=\"{prefix}\",delimiter=\"\"}}");
            page.value(&success).is_some()
        })
    });
    let levels = ours.probe(&[("bucket", BUCKET), ("delimiter", "/")]).unwrap();
    let wanted = [
        "s3_list_success",
        "s3_list_pages",
        "s3_objects",
        "s3_biggest_object_size_bytes",
        "s3_common_prefixes",
        "s3_bucket_usage_bytes",
        "s3_bucket_usage_objects",
        "s3_empty_objects",
        "s3_object_size_distribution",
        "s3_multipart_uploads",
        "s3_group_objects",
        "s3_group_bytes",
        "s3_group_partitions",
        "s3_group_unmatched_objects",
        "s3_expectation_met",
    ];
    let lines = page.text.lines().chain(levels.text.lines().filter(|line| line.contains("delimiter=\"/\"")));
    let is_wanted = |line: &&str| {
        line.split_once('{').is_some_and(|(name, _)| {
            name.starts_with("s3_") && wanted.iter().any(|start| name.starts_with(start))
        })
    };
    lines.filter(is_wanted).map(str::to_owned).collect()
}

/// What there must be among them.
pub(crate) fn check(sums: &[String]) {
    let finished = (PART + 7) as u64;
    let whole = |name: &str| format!("{name}{{bucket=\"{BUCKET}\",prefix=\"\"}}");
    for (series, value) in [
        (whole("s3_objects"), LOGS as u64 + 4),
        (whole("s3_objects_size_sum_bytes"), LOGS as u64 * 10 + 6 + 10 + finished),
        (whole("s3_biggest_object_size_bytes"), finished),
        (whole("s3_empty_objects"), 1),
        (whole("s3_multipart_uploads"), 1),
        (whole("s3_multipart_uploads_bytes"), finished),
        (format!("s3_objects{{bucket=\"{BUCKET}\",prefix=\"db/\"}}"), 2),
        (format!("s3_common_prefixes{{bucket=\"{BUCKET}\",prefix=\"\",delimiter=\"/\"}}"), 3),
        (format!("s3_expectation_met{{name=\"dump\",bucket=\"{BUCKET}\",prefix=\"db/\",check=\"size\"}}"), 1),
    ] {
        let line = sums.iter().find_map(|line| line.strip_prefix(&series)?.strip_prefix(' '));
        let found = line.and_then(|text| text.parse::<f64>().ok());
        assert_eq!(found, Some(value as f64), "{series} in:\n{}", sums.join("\n"));
    }
}

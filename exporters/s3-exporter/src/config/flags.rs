//! Flags: s3_exporter's, and what one target needs without a file.

use exporter_core::{ConfigError, Flag, Settings};

use super::file::{Credentials, Endpoint, Source, Target, Watch};
use super::values::Span;

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value("s3.endpoint-url", "", "Server to ask instead of AWS: https://HOST or http://HOST:PORT."),
    Flag::value("s3.region", "", "Region to sign for; that of a bucket elsewhere is learnt.")
        .env("AWS_REGION"),
    Flag::switch("s3.disable-ssl", false, "Ask by http where --s3.endpoint-url names no scheme."),
    Flag::switch(
        "s3.force-path-style",
        false,
        "Buckets in the path, not the host; always so where --s3.endpoint-url is given.",
    ),
    Flag::value("s3.profile", "", "Profile of the AWS configuration files.").env("AWS_PROFILE"),
    Flag::switch("s3.anonymous", false, "Sign nothing: public buckets."),
    Flag::list("target", "BUCKET or BUCKET/PREFIX to list in the background; give it again for more."),
    Flag::value("target.interval", "15m", "How often each --target is listed."),
    Flag::value("targets.file", "", "YAML file of endpoints, targets, expectations and probes.").file(),
    Flag::value("state.file", "", "File that keeps what is known of old partitions over a restart."),
    Flag::value("probe.max-age", "60s", "A listing this old still answers /probe."),
    Flag::value("probe.timeout", "30m", "A listing for /probe that takes longer is given up."),
    Flag::list(
        "probe.allow",
        "Regular expression of BUCKET/PREFIX that /probe may list; give it again for more.",
    ),
    Flag::value("probe.max-targets", "100", "Different listings /probe keeps; one more is refused."),
    // The peer's, for what is at fixed places here.
    Flag::value("web.probe-path", "/probe", "Accepted if it is /probe.").hidden(),
    Flag::value("web.metrics-path", "/metrics", "Accepted if it is /metrics; see web.telemetry-path.")
        .hidden(),
    Flag::value("web.discovery-path", "/discovery", "Accepted if it is /discovery.").hidden(),
];

/// Where the peer lets paths be chosen.
const FIXED: [(&str, &str); 3] =
    [("web.probe-path", "/probe"), ("web.metrics-path", "/metrics"), ("web.discovery-path", "/discovery")];

/// The endpoint that flags describe.
pub(super) fn endpoint(settings: &Settings) -> Result<Endpoint, ConfigError> {
    for (flag, only) in FIXED {
        if settings.text(flag) != only {
            return Err(ConfigError::new(format!(
                "--{flag}: only {only} is served; have a proxy rewrite the path"
            )));
        }
    }
    let url = settings.text("s3.endpoint-url");
    let scheme = if settings.switch("s3.disable-ssl") { "http://" } else { "https://" };
    let url = if url.is_empty() || url.contains("://") { url.to_owned() } else { format!("{scheme}{url}") };
    let region = match settings.text("s3.region") {
        "" => std::env::var("AWS_DEFAULT_REGION").unwrap_or_default(),
        region => region.to_owned(),
    };
    let source = if settings.switch("s3.anonymous") { Source::Anonymous } else { Source::Auto };
    let credentials =
        Credentials { source, profile: settings.text("s3.profile").to_owned(), ..Credentials::default() };
    let path_style = settings.is_set("s3.force-path-style").then(|| settings.switch("s3.force-path-style"));
    Ok(Endpoint { url, region, path_style, credentials, ..Endpoint::default() })
}

pub(super) fn targets(settings: &Settings) -> Result<Vec<Target>, ConfigError> {
    let interval = Span(settings.duration("target.interval")?);
    let all = settings.list("target").iter().map(|text| {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        Target {
            endpoint: String::new(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            watch: Watch { interval, ..Watch::default() },
        }
    });
    Ok(all.collect())
}

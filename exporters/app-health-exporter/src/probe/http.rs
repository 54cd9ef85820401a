//! The http prober.

use bytes::Bytes;
use exporter_core::{Collector, Family, Page};
use hyper::header::{ACCEPT_ENCODING, HeaderMap};
use hyper::{Method, Version};
use std::time::{Duration, Instant};

use super::{ADDRESS, BY_REGEX, COMMON, Probe, put_address, tls_facts, within};
use crate::clock;
use crate::config::options::{HeaderMatch, Http};
use crate::net::body::Limits;
use crate::net::http::{Answer, Call, Trace, call, header};
use crate::net::url::Url;
use crate::net::{Failure, Reason};

pub(crate) static HTTP: Collector = Collector {
    name: "http",
    enabled: true,
    families: &[
        COMMON[0],
        COMMON[1],
        COMMON[2],
        ADDRESS[0],
        ADDRESS[1],
        ADDRESS[2],
        BY_REGEX.desc(),
        PHASES.desc(),
        STATUS.desc(),
        LENGTH.desc(),
        BODY.desc(),
        REDIRECTS.desc(),
        SSL.desc(),
        HTTP_VERSION.desc(),
        MODIFIED.desc(),
        tls_facts::FAMILIES[0],
        tls_facts::FAMILIES[1],
        tls_facts::FAMILIES[2],
        tls_facts::FAMILIES[3],
        tls_facts::FAMILIES[4],
    ],
    dynamic: &[],
};

static PHASES: Family<1> = Family::gauge(
    "probe_http_duration_seconds",
    "How long each phase took, redirects included, in seconds.",
    &["phase"],
);
static STATUS: Family<0> =
    Family::gauge("probe_http_status_code", "The last answer's status, 0 without one.", &[]);
static LENGTH: Family<0> = Family::gauge(
    "probe_http_content_length",
    "Length that the answer announces, -1 where it does not, 0 without an answer.",
    &[],
);
static BODY: Family<0> =
    Family::gauge("probe_http_uncompressed_body_length", "Bytes of the body, unpacked.", &[]);
static REDIRECTS: Family<0> = Family::gauge("probe_http_redirects", "Redirects that were met.", &[]);
static SSL: Family<0> = Family::gauge("probe_http_ssl", "Whether the last answer came over TLS.", &[]);
static HTTP_VERSION: Family<0> =
    Family::gauge("probe_http_version", "HTTP version of the last answer: 1.1 or 2.", &[]);
static MODIFIED: Family<0> = Family::gauge(
    "probe_http_last_modified_timestamp_seconds",
    "The answer's Last-Modified, in seconds since 1970.",
    &[],
);

pub(super) async fn run(
    probe: &Probe,
    options: &Http,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    let mut trace = Trace::default();
    let mut by_regex = false;
    let result = match within(begin, deadline, ask(probe, options, &mut trace)).await {
        Ok(Ok(answer)) => judge(options, &trace, &answer, &mut by_regex),
        Ok(Err(failure)) => Err(failure),
        Err(after) => Err(trace.stage.timeout(after)),
    };
    put(probe, page, &trace, by_regex);
    note(probe, options, &trace);
    result
}

async fn ask(probe: &Probe, options: &Http, trace: &mut Trace) -> Result<Answer, Failure> {
    let url = Url::parse(&probe.target)?;
    let method = Method::from_bytes(options.method.as_bytes())
        .map_err(|_| Failure::new(Reason::Config, format!("{:?} is no method", options.method)))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &options.headers {
        let (name, value) = header(name, &value.clone().text())?;
        headers.insert(name, value);
    }
    if !options.compression.is_empty() && !headers.contains_key(ACCEPT_ENCODING) {
        let (name, value) = header("accept-encoding", &options.compression)?;
        headers.insert(name, value);
    }
    let body = match &options.body_file {
        Some(path) => {
            let read = probe.context.lookups.read({
                let path = path.clone();
                move || std::fs::read(path)
            });
            let told = |error: String| {
                Failure::new(Reason::Config, format!("body_file {}: {error}", path.display()))
            };
            Bytes::from(read.await.map_err(|error| told(error.to_string()))?)
        }
        None => Bytes::copy_from_slice(options.body.as_bytes()),
    };
    let looks = !options.fail_if_body_matches_regexp.is_empty()
        || !options.fail_if_body_not_matches_regexp.is_empty();
    call(
        &Call {
            context: &probe.context,
            client: &options.client,
            tls: &probe.module.tls,
            url: &url,
            method: &method,
            headers: &headers,
            body: &body,
            ip: options.ip,
            hostname: probe.hostname.as_deref(),
            follow: options.follows(),
            compression: &options.compression,
            limits: Limits { size: options.body_size_limit.0, keep: looks, most: probe.context.max_body },
            skip_resolve: options.skip_resolve_phase_with_proxy,
            trusted: false,
        },
        trace,
    )
    .await
}

/// The checks, in the peer's order; the first that fails is the reason.
fn judge(options: &Http, trace: &Trace, answer: &Answer, by_regex: &mut bool) -> Result<(), Failure> {
    let status = trace.status;
    let valid = match options.valid_status_codes.as_slice() {
        [] => (200..300).contains(&status),
        codes => codes.contains(&status),
    };
    if !valid {
        let reason =
            if answer.redirect_refused && options.follows() { Reason::Redirect } else { Reason::Status };
        return Err(Failure::new(reason, format!("status {status}")));
    }
    headers(options, &trace.headers).inspect_err(|_| *by_regex = true)?;
    if let Some(failure) = &answer.body_failure {
        return Err(failure.clone());
    }
    let text = String::from_utf8_lossy(&answer.body);
    for pattern in &options.fail_if_body_matches_regexp {
        if pattern.0.is_match(&text) {
            *by_regex = true;
            return Err(Failure::new(Reason::Body, format!("the body matches {}", pattern.0)));
        }
    }
    for pattern in &options.fail_if_body_not_matches_regexp {
        if !pattern.0.is_match(&text) {
            *by_regex = true;
            return Err(Failure::new(Reason::Body, format!("the body does not match {}", pattern.0)));
        }
    }
    let version = trace.version.map_or(String::new(), |version| match version {
        Version::HTTP_2 => "HTTP/2.0".to_owned(),
        other => format!("{other:?}"),
    });
    if !options.valid_http_versions.is_empty() && !options.valid_http_versions.contains(&version) {
        return Err(Failure::new(Reason::Version, format!("answered by {version}")));
    }
    if options.fail_if_ssl && trace.is_tls {
        return Err(Failure::new(Reason::Ssl, "answered over TLS"));
    }
    if options.fail_if_not_ssl && !trace.is_tls {
        return Err(Failure::new(Reason::Ssl, "answered without TLS"));
    }
    Ok(())
}

fn headers(options: &Http, headers: &HeaderMap) -> Result<(), Failure> {
    let any = |rule: &HeaderMatch| -> Result<Option<bool>, Failure> {
        let mut values = headers.get_all(&rule.header).iter().peekable();
        if values.peek().is_none() {
            let missing = Failure::new(Reason::Header, format!("header {} is missing", rule.header));
            return if rule.allow_missing { Ok(None) } else { Err(missing) };
        }
        Ok(Some(values.any(|value| rule.regexp.0.is_match(&String::from_utf8_lossy(value.as_bytes())))))
    };
    for rule in &options.fail_if_header_matches {
        if any(rule)? == Some(true) {
            return Err(Failure::new(Reason::Header, format!("header {} matches", rule.header)));
        }
    }
    for rule in &options.fail_if_header_not_matches {
        if any(rule)? == Some(false) {
            return Err(Failure::new(Reason::Header, format!("header {} does not match", rule.header)));
        }
    }
    Ok(())
}

fn note(probe: &Probe, options: &Http, trace: &Trace) {
    if let Some(facts) = &trace.facts {
        tls_facts::note(probe, facts);
    }
    if trace.status > 0 {
        probe.note(format!(
            "{} answered with status {} by {:?} after {:?}, {} redirects, {} bytes of body in {:?}",
            options.method,
            trace.status,
            trace.version.unwrap_or_default(),
            trace.processing,
            trace.redirects,
            trace.body_bytes,
            trace.transfer
        ));
    }
}

fn put(probe: &Probe, page: &mut Page, trace: &Trace, by_regex: bool) {
    put_address(probe, page, trace.lookup, trace.address);
    page.put(&BY_REGEX, [], by_regex);
    let phases: [(&str, Duration); 5] = [
        ("connect", trace.connect),
        ("processing", trace.processing),
        ("resolve", trace.resolve),
        ("tls", trace.tls),
        ("transfer", trace.transfer),
    ];
    // As the peer: what was never tried has no phase. Through a proxy nothing is resolved here.
    let tried = trace.address.is_some() || trace.status > 0;
    for (phase, took) in phases.into_iter().filter(|(phase, _)| tried || *phase == "resolve") {
        page.put(&PHASES, [&phase], took.as_secs_f64());
    }
    page.put(&STATUS, [], trace.status);
    page.put(&LENGTH, [], trace.content_length);
    page.put(&BODY, [], trace.body_bytes);
    page.put(&REDIRECTS, [], trace.redirects);
    page.put(&SSL, [], trace.is_tls && trace.status > 0);
    let version = trace.version.map_or(0.0, |version| match version {
        Version::HTTP_09 => 0.9,
        Version::HTTP_10 => 1.0,
        Version::HTTP_11 => 1.1,
        Version::HTTP_2 => 2.0,
        _ => 3.0,
    });
    page.put(&HTTP_VERSION, [], version);
    let modified = trace.headers.get(hyper::header::LAST_MODIFIED).and_then(|value| value.to_str().ok());
    if let Some(modified) = modified.and_then(clock::http_date) {
        page.put(&MODIFIED, [], modified);
    }
    if let Some(facts) = &trace.facts {
        tls_facts::put(page, facts);
        tls_facts::put_cipher(page, facts);
    }
}

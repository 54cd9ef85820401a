//! From a request to its answer.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::State;
use crate::body::{Body, Then};
use crate::fault::Fault;
use crate::list::{self, HEADER, Query, escaped, text};
use crate::store::{Bucket, Content, Object};

/// `None` is silence.
pub(crate) fn answer(state: &mut State, parts: &Parts, body: Bytes) -> (Option<Response<Body>>, Duration) {
    let path = decoded(parts.uri.path());
    let (bucket, key) =
        path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let query: Query =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let operation = operation(&parts.method, bucket, key, &query);
    state
        .requests
        .push(format!("{operation} {bucket} {}", if key.is_empty() { text(&query, "prefix") } else { key }));
    let (signer, region) = signed(&parts.headers);
    state.signers.push(signer);
    let fault = fault(state, operation);
    let error = |status: u16, code: &str| Some(error(status, code, &parts.method));
    let response = match fault {
        Some(Fault::Hang) => None,
        Some(Fault::SlowDown) => error(503, "SlowDown"),
        Some(Fault::InternalError) => error(500, "InternalError"),
        Some(Fault::ErrorIn200) => error(200, "InternalError"),
        Some(Fault::AccessDenied | Fault::QuotaExceeded) => error(403, "AccessDenied"),
        Some(Fault::ClockSkew) => error(403, "RequestTimeTooSkewed"),
        Some(Fault::NotImplemented) => error(501, "NotImplemented"),
        Some(Fault::WrongRegion(there)) if region != there => {
            error(301, "PermanentRedirect").map(|mut response| {
                response.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static(there));
                response
            })
        }
        Some(Fault::WrongScope(there)) if region != there => {
            let code = "AuthorizationHeaderMalformed";
            let body = format!("{HEADER}<Error><Code>{code}</Code><Region>{there}</Region></Error>");
            Some(with_status(400, if parts.method == Method::HEAD { String::new() } else { body }))
        }
        Some(Fault::NoSuchUpload) => error(404, "NoSuchUpload"),
        Some(Fault::Html) => Some(ok("<html><body>Please log in</body></html>")),
        other => Some(served(state, parts, operation, bucket, key, &query, body, other)),
    };
    let delay = match fault {
        Some(Fault::Late(delay)) => delay,
        _ if operation.starts_with("List") => state.delay,
        _ => Duration::ZERO,
    };
    (response, delay)
}

fn fault(state: &mut State, operation: &str) -> Option<Fault> {
    let at = state
        .faults
        .iter()
        .position(|(when, _)| when.operation.is_none_or(|only| only == operation) && when.times != Some(0))?;
    let (when, fault) = &mut state.faults[at];
    when.times = when.times.map(|times| times - 1);
    Some(*fault)
}

fn operation(method: &Method, bucket: &str, key: &str, query: &Query) -> &'static str {
    let has = |name| query.contains_key(name);
    match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("HEAD", _, true) => "HeadBucket",
        ("GET", _, true) if has("versions") => "ListObjectVersions",
        ("GET", _, true) if has("uploads") => "ListMultipartUploads",
        ("GET", _, true) if has("versioning") => "GetBucketVersioning",
        ("GET", _, true) if has("lifecycle") => "GetBucketLifecycleConfiguration",
        ("GET", _, true) if has("replication") => "GetBucketReplication",
        ("GET", _, true) => "ListObjectsV2",
        ("GET", _, false) if has("uploadId") => "ListParts",
        ("GET", _, false) => "GetObject",
        ("HEAD", _, false) => "HeadObject",
        ("PUT", _, false) => "PutObject",
        ("DELETE", _, false) => "DeleteObject",
        _ => "Unknown",
    }
}

#[expect(clippy::too_many_arguments, reason = "a request's parts")]
fn served(
    state: &mut State,
    parts: &Parts,
    operation: &str,
    bucket: &str,
    key: &str,
    query: &Query,
    body: Bytes,
    fault: Option<Fault>,
) -> Response<Body> {
    if operation == "ListBuckets" {
        let rows: String = state
            .buckets
            .keys()
            .map(|name| format!("<Bucket><Name>{}</Name></Bucket>", escaped(name)))
            .collect();
        return ok(format!(
            "{HEADER}<ListAllMyBucketsResult><Buckets>{rows}</Buckets></ListAllMyBucketsResult>"
        ));
    }
    let Some(own) = state.buckets.get(bucket) else { return error(404, "NoSuchBucket", &parts.method) };
    let half = half(fault);
    match operation {
        "ListObjectsV2" => sent(list::objects(own, query, fault), half),
        "ListObjectVersions" => sent(list::versions(own, query), half),
        "ListMultipartUploads" => sent(list::uploads(own, query), half),
        "ListParts" => {
            let upload = own.uploads.get(&(key.to_owned(), text(query, "uploadId").to_owned()));
            upload.map_or_else(
                || error(404, "NoSuchUpload", &parts.method),
                |upload| ok(list::parts(&upload.parts)),
            )
        }
        "HeadBucket" => {
            let mut response = ok("");
            let region = if own.region.is_empty() { "us-east-1" } else { &own.region };
            if let Ok(region) = HeaderValue::from_str(region) {
                response.headers_mut().insert("x-amz-bucket-region", region);
            }
            response
        }
        "GetBucketVersioning" => {
            let status = if own.versioned { "<Status>Enabled</Status>" } else { "" };
            ok(format!("{HEADER}<VersioningConfiguration>{status}</VersioningConfiguration>"))
        }
        "GetBucketLifecycleConfiguration" => configured(
            own.lifecycle.as_deref(),
            "LifecycleConfiguration",
            "NoSuchLifecycleConfiguration",
            parts,
        ),
        "GetBucketReplication" => configured(
            own.replication.as_deref(),
            "ReplicationConfiguration",
            "ReplicationConfigurationNotFoundError",
            parts,
        ),
        "PutObject" => {
            let mut object = Object::new(Content::Bytes(body), now());
            object.metadata = metadata(&parts.headers);
            let version = state.put(bucket, key, object);
            let mut response = ok("");
            if let Ok(version) = HeaderValue::from_str(&version) {
                response.headers_mut().insert("x-amz-version-id", version);
            }
            response
        }
        "DeleteObject" => {
            state.delete(bucket, key, query.get("versionId").map(String::as_str), now());
            let mut response = ok("");
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        "GetObject" | "HeadObject" => object(own, key, operation, fault, &parts.method),
        _ => error(405, "MethodNotAllowed", &parts.method),
    }
}

fn configured(xml: Option<&str>, name: &str, missing: &str, parts: &Parts) -> Response<Body> {
    match xml {
        Some(rules) => ok(format!("{HEADER}<{name}>{rules}</{name}>")),
        None => error(404, missing, &parts.method),
    }
}

fn object(
    bucket: &Bucket,
    key: &str,
    operation: &str,
    fault: Option<Fault>,
    method: &Method,
) -> Response<Body> {
    let Some(object) = bucket.objects.get(key).and_then(|all| all.first()).filter(|one| !one.is_marker())
    else {
        return error(404, "NoSuchKey", method);
    };
    let mut bytes = match &object.content {
        Content::Bytes(bytes) => bytes.clone(),
        _ => Bytes::from(vec![0; usize::try_from(object.size()).unwrap_or(0)]),
    };
    if fault == Some(Fault::Damage) && !bytes.is_empty() {
        let mut damaged = bytes.to_vec();
        damaged[0] ^= 1;
        bytes = damaged.into();
    }
    let mut response = sent(if operation == "HeadObject" { Bytes::new() } else { bytes }, half(fault));
    for (name, value) in &object.metadata {
        if let (Ok(name), Ok(value)) =
            (hyper::header::HeaderName::try_from(format!("x-amz-meta-{name}")), HeaderValue::from_str(value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn metadata(headers: &HeaderMap) -> Vec<(String, String)> {
    let own = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    own.collect()
}

/// The access key and the region of a signature: `Credential=KEY/DATE/REGION/s3/aws4_request`.
fn signed(headers: &HeaderMap) -> (String, String) {
    let text = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = text.split("Credential=").nth(1).unwrap_or_default();
    let mut parts = credential.split('/');
    let key = parts.next().unwrap_or_default().to_owned();
    (key, parts.nth(1).unwrap_or_default().to_owned())
}

fn ok(body: impl Into<Bytes>) -> Response<Body> {
    Response::new(Body::whole(body))
}

fn half(fault: Option<Fault>) -> Option<Then> {
    match fault? {
        Fault::HalfBody => Some(Then::Silence),
        Fault::CutBody => Some(Then::Close),
        _ => None,
    }
}

fn sent(body: impl Into<Bytes>, half: Option<Then>) -> Response<Body> {
    Response::new(match half {
        Some(then) => Body::half(body, then),
        None => Body::whole(body),
    })
}

fn error(status: u16, code: &str, method: &Method) -> Response<Body> {
    let body = match method {
        &Method::HEAD => String::new(),
        _ => format!("{HEADER}<Error><Code>{code}</Code><Message>{code} it is</Message></Error>"),
    };
    with_status(status, body)
}

fn with_status(status: u16, body: String) -> Response<Body> {
    let mut response = ok(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn decoded(path: &str) -> String {
    // A plus is itself in a path.
    let query = format!("p={}", path.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

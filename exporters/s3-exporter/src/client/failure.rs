//! What went wrong with a request, in one word and one line.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::operation::Operation;

/// A message is no longer: it comes from the server.
const MESSAGE: usize = 200;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    /// The server's code, or `timeout`, `dispatch`, `decode`, `credentials`, `http_503`, …
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// 0 where there was no answer.
    pub(crate) status: u16,
    /// Where the bucket is, by the server's word.
    pub(crate) region: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), status: 0, region: None }
    }

    /// What a server says of itself.
    pub(crate) fn told(status: u16, code: &str, message: &str) -> Self {
        if !is_word(code) {
            return Self { status, ..Self::new("decode", "an error without a code") };
        }
        Self { code: Cow::Owned(code.to_owned()), status, ..Self::new("", clip(message)) }
    }

    /// An answer that says nothing else.
    pub(crate) fn status(status: u16) -> Self {
        let code = Cow::Owned(format!("http_{status}"));
        Self { code, status, ..Self::new("", format!("status {status}")) }
    }

    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::TimeoutError(_) => Self::new("timeout", "no answer in time"),
            SdkError::DispatchFailure(failure) => {
                let told = root(failure.as_connector_error().and_then(Error::source));
                match (is_about_credentials(error), failure.is_timeout()) {
                    (true, _) => Self::new("credentials", told),
                    (_, true) => Self::new("timeout", told),
                    _ => Self::new("dispatch", told),
                }
            }
            SdkError::ConstructionFailure(_) if is_about_credentials(error) => {
                Self::new("credentials", root(error.source()))
            }
            SdkError::ConstructionFailure(_) => Self::new("request", root(error.source())),
            SdkError::ResponseError(_) => Self::answered("decode", error),
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                match service.err().code() {
                    Some(code) if is_word(code) => Self {
                        code: Cow::Owned(code.to_owned()),
                        message: clip(service.err().message().unwrap_or(code)),
                        ..Self::answered("", error)
                    },
                    // A body that is no error: the SDK could not read what came with 200.
                    _ if status < 300 => Self::answered("decode", error),
                    _ => Self { region: Self::answered("", error).region, ..Self::status(status) },
                }
            }
            _ => Self::new("unknown", root(error.source())),
        }
    }

    fn answered<E: Error + 'static>(code: &'static str, error: &SdkError<E, HttpResponse>) -> Self {
        let raw = error.raw_response();
        Self {
            code: Cow::Borrowed(code),
            message: root(error.source()),
            status: raw.map_or(0, |raw| raw.status().as_u16()),
            region: raw.and_then(region),
        }
    }

    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        const CODES: [&str; 12] = [
            "timeout",
            "dispatch",
            "decode",
            "SlowDown",
            "Throttling",
            "ThrottlingException",
            "TooManyRequests",
            "RequestTimeout",
            "RequestTimeoutException",
            "InternalError",
            "ServiceUnavailable",
            "OperationAborted",
        ];
        // An answer that makes no sense is a proxy's or a wrong address: it stays so.
        let is_nonsense = self.code == "decode" && self.status != 0 && self.status < 500;
        !is_nonsense && (CODES.contains(&self.code.as_ref()) || matches!(self.status, 429 | 500 | 502..=504))
    }

    /// Whether it is an answer: that there is nothing.
    pub(crate) fn is_nothing(&self, operation: Operation) -> bool {
        matches!(self.code.as_ref(), "NoSuchLifecycleConfiguration" | "ReplicationConfigurationNotFoundError")
            || operation == Operation::HeadObject && self.status == 404
    }

    /// Whether these keys may not ask for it, or the server cannot do it: it will stay so for a while.
    pub(crate) fn is_refusal(&self) -> bool {
        const CODES: [&str; 4] = ["AccessDenied", "AllAccessDisabled", "MethodNotAllowed", "NotImplemented"];
        CODES.contains(&self.code.as_ref()) || matches!(self.status, 405 | 501)
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        Self::of(&error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Error for Failure {}

/// Codes become label values: nothing but words does.
fn is_word(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= 64
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Where the bucket is, or what a server that signs for one region only calls it.
fn region(raw: &HttpResponse) -> Option<String> {
    if let Some(region) = raw.headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
    // In answers to other mistakes it may be the server's own, whatever the bucket's is.
    body.contains("<Code>AuthorizationHeaderMalformed</Code>").then_some(())?;
    let region = body.split_once("<Region>")?.1.split_once("</Region>")?.0;
    (!region.is_empty()).then(|| region.to_owned())
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.is::<CredentialsError>() {
            return true;
        }
        at = error.source();
    }
    false
}

/// The innermost error: the outer ones say that a request has failed.
fn root(error: Option<&(dyn Error + 'static)>) -> String {
    let Some(mut error) = error else { return "no reason given".to_owned() };
    while let Some(inner) = error.source() {
        error = inner;
    }
    clip(&error.to_string())
}

fn clip(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect()
}

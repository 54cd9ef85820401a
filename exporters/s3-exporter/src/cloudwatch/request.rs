//! One signed request: a form that is posted.

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::error::{ErrorMetadata, SdkError};
use aws_sdk_s3::primitives::SdkBody;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::timeout::TimeoutConfig;
use std::time::SystemTime;

use super::answer;
use crate::client::Endpoint;
use crate::client::failure::Failure;

const VERSION: &str = "2010-08-01";
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) async fn send(
    endpoint: &Endpoint,
    bucket: &str,
    action: &str,
    form: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let region = endpoint.region(bucket);
    let url = match endpoint.config.cloudwatch_url.as_str() {
        "" if region.starts_with("cn-") => format!("https://monitoring.{region}.amazonaws.com.cn/"),
        "" => format!("https://monitoring.{region}.amazonaws.com/"),
        url => url.to_owned(),
    };
    let mut body = format!("Action={action}&Version={VERSION}");
    for (name, value) in form {
        body.push('&');
        body.push_str(name);
        body.push('=');
        escape(&mut body, value);
    }
    let request = signed(endpoint, &region, &url, body).await?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(endpoint.config.connect_timeout.0)
        .read_timeout(endpoint.config.timeout.0)
        .build();
    let operation = Operation::builder()
        .service_name("CloudWatch")
        .operation_name(action.to_owned())
        .http_client(endpoint.http())
        .endpoint_url(&url)
        .no_auth()
        .no_retry()
        .timeout_config(timeouts)
        .serializer(|request: HttpRequest| Ok(request))
        .deserializer(|response: &HttpResponse| {
            let body = response.body().bytes().unwrap_or_default().to_vec();
            Ok::<_, OrchestratorError<ErrorMetadata>>((response.status().as_u16(), body))
        })
        .build();
    let answer: Result<_, SdkError<ErrorMetadata, HttpResponse>> = operation.invoke(request).await;
    match answer? {
        (200, body) => Ok(body),
        (status, body) => {
            let (code, message) = answer::error(&body);
            Err(if code.is_empty() {
                Failure::status(status)
            } else {
                Failure::told(status, &code, &message)
            })
        }
    }
}

async fn signed(endpoint: &Endpoint, region: &str, url: &str, body: String) -> Result<HttpRequest, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new("request", format!("signing: {why}"));
    let mut headers = vec![("content-type".to_owned(), FORM.to_owned())];
    if let Some(provider) = endpoint.credentials() {
        let keys = provider.provide_credentials().await;
        let identity = keys.map_err(|error| Failure::new("credentials", error.to_string()))?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("monitoring")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let plain = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new("POST", url, plain, SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| failed(&error))?;
        let signature = sign(signable, &params).map_err(|error| failed(&error))?.into_parts().0;
        headers.extend(signature.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").map_err(|error| failed(&error))?;
    // The endpoint's URL comes before it.
    request.set_uri("/").map_err(|error| failed(&error))?;
    for (name, value) in headers {
        request.headers_mut().try_insert(name, value).map_err(|error| failed(&error))?;
    }
    Ok(request)
}

/// Everything but what no URL needs to escape.
fn escape(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

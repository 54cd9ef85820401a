//! Requests for an exporter's own paths.

use hyper::body::Incoming;
use hyper::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use std::time::Instant;
use tokio::time::timeout_at;

use super::HttpResponse;
use super::metrics::budget;
use super::route::text;
use crate::route::{Answer, Route, RouteRequest};
use crate::secret::Secret;

/// `rest` is what follows the route's path.
pub(crate) async fn answer(route: &Route, rest: &str, request: &Request<Incoming>) -> HttpResponse {
    if !route.allows(request.method()) {
        let allowed = if route.method == hyper::Method::GET { "GET, HEAD" } else { "POST" };
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} is answered here\n"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return response;
    }
    let parameters = super::query_pairs(request.uri().query().unwrap_or_default()).collect();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let asked = RouteRequest { rest: decoded(rest), parameters, host, bearer: bearer(request.headers()) };
    let deadline = Instant::now() + budget(request.headers());
    let Ok(Ok(_place)) = timeout_at(deadline.into(), route.places.acquire()).await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many others ask already\n".to_owned());
    };
    let Ok(Answer { status, content_type, body }) = timeout_at(deadline.into(), (route.handle)(asked)).await
    else {
        return text(StatusCode::GATEWAY_TIMEOUT, "not answered in time\n".to_owned());
    };
    let mut response = text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// Percent-decoded; a plus stays one.
fn decoded(text: &str) -> String {
    let pair = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    super::query_pairs(&pair).next().map_or_else(String::new, |(_, value)| value)
}

//! A scrape's way from request to response.

use bytes::Bytes;
use exposition::{Assembly, Format, Options, Output, Page};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
};
use hyper::{Request, Response, StatusCode};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::route::text;
use super::under_way::Form;
use super::{App, HttpResponse, Instance, NOW_AND_AGAIN, SETTLED};
use crate::build;
use crate::memory;
use crate::probe::{Parameters, ProbeError, Probes, parameter};
use crate::registry::{Filter, Registry};

/// Prometheus says by this header how long it will wait.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
/// The budget of a scrape that does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// No scrape is granted more: a header may hold any number, beyond what the clock can add, too.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

impl App {
    /// The page of an instance, or the server's own where there is none.
    pub(crate) async fn metrics(
        &self,
        instance: Option<&Instance>,
        request: &Request<Incoming>,
    ) -> HttpResponse {
        let scrape = self.own.begin();
        let response = self.page(instance, request).await;
        scrape.end(response.status());
        response
    }

    async fn page(&self, instance: Option<&Instance>, request: &Request<Incoming>) -> HttpResponse {
        let deadline = Instant::now() + budget(request.headers());
        // Made when the page is written, not while it is waited for: many may wait.
        let extra = |page: &mut Page| {
            if self.with_process && (instance.is_none() || self.own_path.is_none()) {
                self.process.put(page);
                self.own.put(page);
            }
            if let Some(instance) = instance {
                build::put(page, instance.exporter.namespace);
            }
        };
        match instance {
            Some(instance) => {
                self.registry_page(&instance.registry, extra, request, deadline, self.max_requests).await
            }
            None => {
                let form = (negotiate(request.headers()), accepts_gzip(request.headers()));
                let written = self.encode(form, |assembly, out| {
                    let mut page = self.own_page.lock().unwrap_or_else(PoisonError::into_inner);
                    page.clear();
                    extra(&mut page);
                    assembly.write(&[&page], &Options::new(form.0), out);
                });
                response(form, written)
            }
        }
    }

    /// The page of a target that the URL names.
    pub(crate) async fn probe(
        &self,
        instance: &Instance,
        probes: &Probes,
        request: &Request<Incoming>,
    ) -> HttpResponse {
        let deadline = Instant::now() + budget(request.headers());
        let parameters: Vec<_> = super::query_pairs(request.uri().query().unwrap_or_default()).collect();
        let refused = |error: ProbeError| {
            let status = match error {
                ProbeError::BadRequest(_) => StatusCode::BAD_REQUEST,
                ProbeError::Refused(_) => StatusCode::FORBIDDEN,
                ProbeError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            };
            text(status, format!("{}: {error}\n", instance.exporter.name))
        };
        let registry = match probes.target(&parameters) {
            Ok(registry) => registry,
            Err(error) => return refused(error),
        };
        let _place = match probes.place(deadline).await {
            Ok(place) => place,
            Err(error) => return refused(error),
        };
        if probes.is_explained() && parameter(&parameters, "debug") == Some("true") {
            return self.explain(probes, &parameters, &registry, deadline).await;
        }
        self.registry_page(&registry, |_| {}, request, deadline, 0).await
    }

    /// What a probe found, for people.
    async fn explain(
        &self,
        probes: &Probes,
        parameters: &Parameters,
        registry: &Registry,
        deadline: Instant,
    ) -> HttpResponse {
        let all = Filter::default();
        let collected = registry.collect(&all, deadline).await;
        let written = self.encode((Format::Text, false), |assembly, out| {
            let options = Options { family_cap: self.family_cap, ..Options::new(Format::Text) };
            collected.write(&[], options, assembly, out);
        });
        let page = String::from_utf8_lossy(&written).into_owned();
        text(StatusCode::OK, probes.explain(parameters, &page).unwrap_or(page))
    }

    async fn registry_page(
        &self,
        registry: &Registry,
        extra: impl FnOnce(&mut Page),
        request: &Request<Incoming>,
        deadline: Instant,
        max_pages: u64,
    ) -> HttpResponse {
        let query = request.uri().query().unwrap_or_default();
        let filter = match Filter::parse(query, registry.collectors()) {
            Ok(filter) => filter,
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        };
        let Some(waiting) = self.under_way.join(registry, &filter, max_pages) else {
            let body = format!("{max_pages} other pages are being collected already\n");
            return text(StatusCode::SERVICE_UNAVAILABLE, body);
        };
        // Before there is a run to hold on to.
        if !self.unsent.room(&self.connections, deadline).await {
            let body = "too much of earlier answers is not read yet\n".to_owned();
            return text(StatusCode::SERVICE_UNAVAILABLE, body);
        }
        let collected = registry.collect(&filter, deadline).await;
        let runs = collected.runs();
        let form = (negotiate(request.headers()), accepts_gzip(request.headers()));
        if let Some(body) = runs.as_ref().and_then(|runs| waiting.written(form, runs)) {
            return response(form, body);
        }
        let written = self.encode(form, |assembly, out| {
            let options = Options { family_cap: self.family_cap, ..Options::new(form.0) };
            let mut page = self.own_page.lock().unwrap_or_else(PoisonError::into_inner);
            page.clear();
            extra(&mut page);
            collected.write(&[&page], options, assembly, out);
        });
        if let Some(runs) = runs {
            waiting.write(form, runs, &written);
        }
        response(form, written)
    }

    fn encode(&self, (_, gzip): Form, write: impl FnOnce(&mut Assembly, &mut dyn Output)) -> Bytes {
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        // Soon and then now and again: buffers find their sizes early, but who asks, and how, may change later.
        let pages = self.pages.fetch_add(1, Ordering::Relaxed);
        if (pages >= SETTLED && pages.is_power_of_two()) || (pages > 0 && pages.is_multiple_of(NOW_AND_AGAIN))
        {
            memory::give_back();
        }
        self.unsent.counted(encoder.encode(gzip, write))
    }
}

fn response((format, gzip): Form, body: Bytes) -> HttpResponse {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// How long the page may take: what Prometheus grants, less a fifth or half a second for the way back.
pub(crate) fn budget(headers: &HeaderMap) -> Duration {
    let granted = headers
        .get(SCRAPE_TIMEOUT)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|granted| !granted.is_zero())
        .unwrap_or(DEFAULT_TIMEOUT)
        .min(MAX_TIMEOUT);
    granted - (granted / 5).min(Duration::from_millis(500))
}

/// Text 0.0.4, as every peer serves it, unless the client takes OpenMetrics and no text.
fn negotiate(headers: &HeaderMap) -> Format {
    let accepted: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(','))
        .collect();
    let takes = |kind: &str| {
        accepted
            .iter()
            .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind))
    };
    if takes("application/openmetrics-text") && !takes("text/plain") && !takes("text/*") && !takes("*/*") {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<(&str, bool)> = values
        .flat_map(|v| v.split(','))
        .map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.any(|part| {
                part.strip_prefix("q=").is_some_and(|q| q.parse::<f64>().is_ok_and(|q| q == 0.0))
            });
            (name, !refused)
        })
        .collect();
    let wanted = |name: &str| codings.iter().find(|(own, _)| *own == name).map(|(_, wanted)| *wanted);
    // `*` is about the codings that are not named.
    wanted("gzip").or_else(|| wanted("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_budget_leaves_time_for_the_way_back() {
        let budget = |value| budget(&headers(SCRAPE_TIMEOUT, value)).as_secs_f64();
        assert_eq!(budget("10"), 9.5);
        assert_eq!(budget("1"), 0.8);
        for bad in ["", "x", "0", "-1", "NaN", "1e300"] {
            assert_eq!(budget(bad), 9.5, "{bad}");
        }
        // More than the clock can add, or than anybody should be able to hold a run for.
        for long in ["1e19", "1e9"] {
            assert_eq!(budget(long), 599.5, "{long}");
        }
    }

    #[test]
    fn what_prometheus_3_asks_for_is_text() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2";
        assert_eq!(negotiate(&headers(ACCEPT, prometheus)), Format::Text);
        assert_eq!(negotiate(&HeaderMap::new()), Format::Text);
        assert_eq!(
            negotiate(&headers(ACCEPT, "application/openmetrics-text; version=1.0.0")),
            Format::OpenMetrics
        );
    }

    #[test]
    fn gzip_where_it_is_wanted() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("*, gzip;q=0", false),
            ("identity", false),
            ("zstd", false),
        ] {
            assert_eq!(accepts_gzip(&headers(ACCEPT_ENCODING, value)), expected, "{value}");
        }
    }
}

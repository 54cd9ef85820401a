//! What the server says about itself, in a prometheus-client registry: the names of Go's promhttp, which public
//! dashboards use.

use exposition::Page;
use hyper::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::{log, prom};

static LOG_LINES_LOST: exposition::Family<0> = exposition::Family::counter(
    "exporter_log_lines_lost_total",
    "Log lines that standard error did not take at once.",
    &[],
);

type Labels = [(&'static str, &'static str); 1];

/// The server's own metrics.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    registry: Registry,
    last: Mutex<prom::Last>,
    requests: Family<Labels, Counter>,
    in_flight: Gauge,
    errors: Family<Labels, Counter>,
    evicted: Counter,
    refused: Family<Labels, Counter>,
    web_config: Family<Labels, Counter>,
    web_config_good: Gauge,
    reload_successful: Gauge,
    reload_time: Gauge,
}

impl OwnMetrics {
    pub(crate) fn new(program: &str) -> Self {
        let mut registry = Registry::default();
        let own = Self {
            requests: Family::default(),
            in_flight: Gauge::default(),
            errors: Family::default(),
            evicted: Counter::default(),
            refused: Family::default(),
            web_config: Family::default(),
            web_config_good: Gauge::default(),
            reload_successful: Gauge::default(),
            reload_time: Gauge::default(),
            registry: Registry::default(),
            last: Mutex::default(),
        };
        // Counters that nothing has raised yet are there with 0, so that a first increase is seen.
        for code in ["200", "500", "503"] {
            drop(own.requests.get_or_create(&[("code", code)]));
        }
        for cause in ["encoding", "gathering"] {
            drop(own.errors.get_or_create(&[("cause", cause)]));
        }
        registry.register("promhttp_metric_handler_requests", "Scrapes by status code", own.requests.clone());
        registry.register(
            "promhttp_metric_handler_requests_in_flight",
            "Scrapes under way",
            own.in_flight.clone(),
        );
        registry.register(
            "promhttp_metric_handler_errors",
            "Errors while a page was made, by cause",
            own.errors.clone(),
        );
        registry.register(
            "exporter_http_connections_evicted",
            "Idle connections that were closed because others came",
            own.evicted.clone(),
        );
        registry.register(
            "exporter_http_requests_refused",
            "Requests refused by rate limit or password, by reason",
            own.refused.clone(),
        );
        registry.register(
            "exporter_web_config_reads",
            "Times that a changed web configuration was read, by result",
            own.web_config.clone(),
        );
        registry.register(
            "exporter_web_config_last_read_successful",
            "Whether the web configuration was good when it was last read; 1 without one",
            own.web_config_good.clone(),
        );
        own.web_config_good.set(1);
        let prefix = program.replace('-', "_");
        registry.register(
            format!("{prefix}_config_last_reload_successful"),
            "Whether the configuration was good when it was last loaded",
            own.reload_successful.clone(),
        );
        registry.register(
            format!("{prefix}_config_last_reload_success_timestamp_seconds"),
            "When a good configuration was last loaded, in seconds since 1970",
            own.reload_time.clone(),
        );
        own.reloaded(true);
        Self { registry, ..own }
    }

    /// Its reloads are told under another program's name too: alerts of the program it stands in for ask for it.
    pub(crate) fn also_as(&mut self, program: &str) {
        let prefix = program.replace('-', "_");
        self.registry.register(
            format!("{prefix}_config_last_reload_successful"),
            "Whether the configuration was good when it was last loaded",
            self.reload_successful.clone(),
        );
        self.registry.register(
            format!("{prefix}_config_last_reload_success_timestamp_seconds"),
            "When a good configuration was last loaded, in seconds since 1970",
            self.reload_time.clone(),
        );
    }

    /// A configuration was loaded, or was not.
    pub(crate) fn reloaded(&self, good: bool) {
        self.reload_successful.set(i64::from(good));
        if good {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.reload_time.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// There is a web configuration: what it may refuse is there with 0.
    pub(crate) fn with_web_config(&self) {
        for reason in ["password", "password_queue", "rate_limit"] {
            drop(self.refused.get_or_create(&[("reason", reason)]));
        }
        for result in ["failure", "success"] {
            drop(self.web_config.get_or_create(&[("result", result)]));
        }
    }

    /// A changed web configuration was read, and was good, or was not.
    pub(crate) fn web_config_read(&self, good: bool) {
        self.web_config_good.set(i64::from(good));
        let result = if good { "success" } else { "failure" };
        self.web_config.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    pub(crate) fn evicted(&self, evicted: bool) {
        if evicted {
            self.evicted.inc();
        }
    }

    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight { own: self }
    }

    pub(crate) fn put(&self, page: &mut Page) {
        page.put(&LOG_LINES_LOST, [], log::lost());
        if let Err(error) = self.last.lock().unwrap_or_else(PoisonError::into_inner).put(&self.registry, page)
        {
            tracing::warn!(%error, "the server's own metrics");
        }
    }
}

/// A scrape under way; a client that goes away ends it too.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    own: &'a OwnMetrics,
}

impl InFlight<'_> {
    pub(crate) fn end(self, status: StatusCode) {
        let code = match status {
            StatusCode::OK => "200",
            StatusCode::BAD_REQUEST => "400",
            StatusCode::SERVICE_UNAVAILABLE => "503",
            _ => "500",
        };
        self.own.requests.get_or_create(&[("code", code)]).inc();
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.own.in_flight.dec();
    }
}

//! One check: asks, judges, keeps the result.

use bytes::Bytes;
use exporter_core::ConfigError;
use hyper::Method;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::report::{Report, read};
use super::state::State;
use super::states::States;
use crate::clock;
use crate::config::checks::{Check, Preset};
use crate::config::options::{Ip, Protocol};
use crate::context::Context;
use crate::net::body::Limits;
use crate::net::http::{Call, Trace, call, header};
use crate::net::json::{max_values, parse};
use crate::net::tls::TlsCell;
use crate::net::url::Url;
use crate::net::{Failure, Reason};

#[derive(Debug)]
pub(crate) struct Checker {
    pub(super) system: String,
    pub(super) check: Check,
    url: Url,
    headers: HeaderMap,
    context: Context,
    states: Arc<States>,
    tls: TlsCell,
    state: Mutex<State>,
}

impl Checker {
    pub(crate) fn new(
        system: String,
        check: Check,
        context: Context,
        states: Arc<States>,
    ) -> Result<Self, ConfigError> {
        let told = |failure: Failure| ConfigError::new(format!("check {:?}: {}", check.name, failure.detail));
        let url = Url::parse(&check.url).map_err(told)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &check.headers {
            let (name, value) = header(name, value).map_err(told)?;
            headers.insert(name, value);
        }
        let (tls, state) = (TlsCell::default(), Mutex::default());
        Ok(Self { system, check, url, headers, context, states, tls, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs at its interval. Checks do not start together: each has its own place within its interval.
    pub(crate) async fn run_for_ever(&self) {
        self.run().await;
        let interval = self.check.interval.0;
        let place = self
            .check
            .name
            .bytes()
            .chain(self.system.bytes())
            .fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let first = Instant::now() + interval.mul_f64(0.5 + f64::from(place % 1000) / 2000.0);
        let mut ticks = tokio::time::interval_at(first.into(), interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.run().await;
        }
    }

    pub(super) async fn run(&self) {
        let begin = Instant::now();
        let mut trace = Trace::default();
        let limit = self.check.timeout.0.min(self.check.interval.0.max(Duration::from_secs(1)));
        let (failure, report) = match tokio::time::timeout(limit, self.ask(&mut trace)).await {
            Ok(Ok(body)) => self.judge(&trace, &body),
            Ok(Err(failure)) => (Some(failure), None),
            Err(_) => (Some(trace.stage.timeout(begin.elapsed())), None),
        };
        let took = begin.elapsed();
        let mut state = self.state();
        let was_up = state.up || state.runs == 0;
        if let Some(failure) = &failure
            && was_up
        {
            tracing::warn!(system = self.system, check = self.check.name, %failure, "check fails");
        } else if failure.is_none() && !state.up && state.runs > 0 {
            tracing::info!(system = self.system, check = self.check.name, "check is well again");
        }
        let phases = [trace.connect, trace.processing, trace.resolve, trace.tls, trace.transfer];
        for (sum, phase) in state.phases.iter_mut().zip(phases) {
            *sum += phase.as_secs_f64();
        }
        if let Some(facts) = &trace.facts
            && facts.chain.earliest_expiry.is_some()
        {
            state.certificate_end = facts.chain.earliest_expiry;
        }
        state.count(took, failure.map(|failure| failure.reason), report, clock::now());
    }

    async fn ask(&self, trace: &mut Trace) -> Result<Vec<u8>, Failure> {
        let answer = call(
            &Call {
                context: &self.context,
                client: &self.check.client,
                tls: &self.tls,
                url: &self.url,
                method: &Method::GET,
                headers: &self.headers,
                body: &Bytes::new(),
                ip: Ip { preferred_ip_protocol: Protocol::Ip4, ip_protocol_fallback: true },
                hostname: None,
                follow: self.check.client.follow_redirects,
                compression: "",
                limits: Limits {
                    size: 0,
                    keep: self.check.preset != Preset::None || !self.check.map.is_empty(),
                    most: self.check.max_body.0,
                },
                skip_resolve: false,
                trusted: true,
            },
            trace,
        )
        .await?;
        answer.body_failure.map_or(Ok(answer.body), Err)
    }

    /// A body is read whatever the status: an endpoint that answers 503 says which part is at fault.
    fn judge(&self, trace: &Trace, body: &[u8]) -> (Option<Failure>, Option<Report>) {
        let codes = &self.check.valid_status_codes;
        let valid =
            if codes.is_empty() { (200..300).contains(&trace.status) } else { codes.contains(&trace.status) };
        let status = (!valid).then(|| Failure::new(Reason::Status, format!("status {}", trace.status)));
        if self.check.preset == Preset::None && self.check.map.is_empty() {
            return (status, None);
        }
        let json = match parse(body, max_values(self.check.max_body.0)) {
            Ok(json) => json,
            Err(failure) => return (Some(status.unwrap_or(failure)), None),
        };
        match read(&json, &self.check, &self.states) {
            Some(report) => (status, Some(report)),
            None => {
                let mapping = Failure::new(Reason::Mapping, "nothing in the body is known; write a map");
                (Some(status.unwrap_or(mapping)), None)
            }
        }
    }
}

//! `/probe?target=…&module=…`: blackbox_exporter's and json_exporter's probes, under their names.

pub(crate) mod dns;
mod dns_message;
mod grpc;
mod history;
mod http;
mod icmp;
mod json;
mod socket;
mod tcp;
mod tls_facts;

pub(crate) use history::{History, shown};

use exporter_core::probe::{ProbeError, ProbeSpec, parameter};
use exporter_core::{
    Answer, BoxedSource, CollectFuture, Collector, Desc, Family, Page, Route, RouteRequest, Scrape, Settings,
    Sink, Source, SourceSpec,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use history::Record;

use crate::config::modules::{Module, Modules, Prober};
use crate::context::Context;
use crate::net::{Failure, dial};

pub(crate) static SUCCESS: Family<0> =
    Family::gauge("probe_success", "Whether the probe was a success.", &[]);
static DURATION: Family<0> =
    Family::gauge("probe_duration_seconds", "How long the probe took, in seconds.", &[]);
static REASON: Family<1> =
    Family::gauge("probe_failure_reason", "1 for the reason of a failed probe.", &["reason"]);
static LOOKUP: Family<0> =
    Family::gauge("probe_dns_lookup_time_seconds", "How long the target's name took to resolve.", &[]);
static PROTOCOL: Family<0> = Family::gauge("probe_ip_protocol", "4 or 6, 0 without an address.", &[]);
static HASH: Family<0> =
    Family::gauge("probe_ip_addr_hash", "FNV-1a of the address, to see that it changes.", &[]);
static BY_REGEX: Family<0> =
    Family::gauge("probe_failed_due_to_regex", "Whether a regular expression failed the probe.", &[]);

const COMMON: [&Desc; 3] = [SUCCESS.desc(), DURATION.desc(), REASON.desc()];
const ADDRESS: [&Desc; 3] = [LOOKUP.desc(), PROTOCOL.desc(), HASH.desc()];

/// The probers, each reported and switched like a collector.
pub(crate) fn collectors() -> Vec<&'static Collector> {
    vec![&http::HTTP, &tcp::TCP, &tcp::UNIX, &dns::DNS, &icmp::ICMP, &grpc::GRPC, &json::JSON]
}

/// What all probes of one instance share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) modules: Modules,
    pub(crate) context: Context,
    pub(crate) history: History,
    /// Left of the scrape's timeout, beyond what the core leaves.
    pub(crate) offset: Duration,
    /// Each probe has a line in the log.
    pub(crate) is_logged: bool,
}

/// The paths and their parameters.
pub(crate) fn spec(settings: &Settings, service: Service) -> ProbeSpec {
    let service = Arc::new(service);
    let off: Vec<&'static str> = collectors()
        .into_iter()
        .filter(|prober| !settings.enabled(prober))
        .map(|prober| prober.name)
        .collect();
    let (history, explained, shown) = (service.clone(), service.clone(), service.clone());
    let spec = ProbeSpec::new("/probe", &["target", "module", "hostname"], move |parameters| {
        let bad = |why: String| ProbeError::BadRequest(why);
        let target = parameter(parameters, "target").filter(|target| !target.is_empty());
        let target = target.ok_or_else(|| bad("Target parameter is missing".to_owned()))?;
        let name = parameter(parameters, "module");
        let module = service.modules.find(name);
        let module = module.ok_or_else(|| bad(format!("Unknown module {:?}", name.unwrap_or("http_2xx"))))?;
        let collector = match &module.prober {
            Prober::Http(_) => &http::HTTP,
            Prober::Tcp(_) => &tcp::TCP,
            Prober::Unix(_) => &tcp::UNIX,
            Prober::Dns(_) => &dns::DNS,
            Prober::Icmp(_) => &icmp::ICMP,
            Prober::Grpc(_) => &grpc::GRPC,
            Prober::Json(_) => &json::JSON,
            Prober::Refused(why) => return Err(bad(why.clone())),
        };
        if off.contains(&collector.name) {
            return Err(bad(format!("prober {} is switched off", collector.name)));
        }
        let probe = Arc::new(Probe {
            module,
            target: target.to_owned(),
            hostname: parameter(parameters, "hostname").filter(|name| !name.is_empty()).map(str::to_owned),
            context: service.context.clone(),
            notes: Mutex::default(),
        });
        let service = service.clone();
        let make =
            move || Ok(BoxedSource::new(ProbeSource { probe: probe.clone(), service: service.clone() }));
        Ok(vec![SourceSpec::new([collector], make)])
    });
    spec.fleeting()
        .explained_by(move |parameters, page| {
            let (target, name) = (parameter(parameters, "target"), parameter(parameters, "module"));
            let module = explained.modules.find(name);
            let record =
                module.and_then(|module| explained.history.of(&module.name, target.unwrap_or_default()));
            explained.explain(record.as_ref(), Some(page))
        })
        .with_route(Route::get("/logs", move |request: RouteRequest| {
            let answer = history.logs(&request);
            async move { answer }
        }))
        .with_route(Route::get("/config", move |_| {
            let answer = Answer::text(200, shown.modules.shown());
            async move { answer }
        }))
}

impl Service {
    fn logs(&self, request: &RouteRequest) -> Answer {
        let (id, target) = (request.parameter("id"), request.parameter("target"));
        let record = match (id, target) {
            (None, None) => return Answer::text(200, self.history.list()),
            (Some(id), _) => id.parse().ok().and_then(|id| self.history.by_id(id)),
            (None, Some(target)) => {
                let module = self.modules.find(request.parameter("module"));
                module.and_then(|module| self.history.of(&module.name, target))
            }
        };
        match record {
            Some(record) => Answer::text(200, self.explain(Some(&record), None)),
            None => Answer::text(404, "no such probe is kept; /logs lists those that are\n"),
        }
    }

    /// In the peer's order and under its headings.
    fn explain(&self, record: Option<&Record>, page: Option<&str>) -> String {
        let log = record.map_or_else(|| "(--history.limit is 0)\n".to_owned(), Record::log);
        let page = page
            .map_or(String::new(), |page| format!("\n\n\nMetrics that would have been returned:\n{page}"));
        let module = record.and_then(|record| self.modules.find(Some(&record.module)));
        let module = module.map_or(String::new(), |module| module.shown.clone());
        format!("Logs for the probe:\n{log}{page}\n\n\nModule configuration:\n{module}")
    }
}

/// One target asked in one way.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) module: Arc<Module>,
    pub(crate) target: String,
    pub(crate) hostname: Option<String>,
    pub(crate) context: Context,
    /// What happened, for people.
    notes: Mutex<Vec<String>>,
}

impl Probe {
    fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct ProbeSource {
    probe: Arc<Probe>,
    service: Arc<Service>,
}

impl Source for ProbeSource {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            let (probe, service) = (&*self.probe, &*self.service);
            let begin = Instant::now();
            let deadline = deadline(scrape, probe.module.timeout, service.offset);
            probe.take_notes();
            let result = match &probe.module.prober {
                Prober::Http(options) => http::run(probe, options, begin, deadline, sink).await,
                Prober::Tcp(options) => tcp::run(probe, options, begin, deadline, sink).await,
                Prober::Unix(options) => tcp::run_unix(probe, options, begin, deadline, sink).await,
                Prober::Dns(options) => dns::run(probe, options, begin, deadline, sink).await,
                Prober::Icmp(options) => icmp::run(probe, options, begin, deadline, sink).await,
                Prober::Grpc(options) => grpc::run(probe, options, begin, deadline, sink).await,
                Prober::Json(module) => json::run(probe, module, begin, deadline, sink).await,
                Prober::Refused(_) => Ok(()),
            };
            sink.put(&SUCCESS, [], result.is_ok());
            let took = begin.elapsed();
            sink.put(&DURATION, [], took.as_secs_f64());
            let failure = result.err();
            if let Some(failure) = &failure {
                sink.put(&REASON, [&failure.reason.as_str()], 1_u8);
            }
            let module = &probe.module.name;
            if service.is_logged {
                let failure = failure.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
                tracing::info!(
                    module,
                    target = shown(&probe.target),
                    seconds = took.as_secs_f64(),
                    failure,
                    "probed"
                );
            }
            if service.history.is_kept() {
                let record = Record::new(module, &probe.target, took, failure.as_ref(), probe.take_notes());
                service.history.keep(record);
            }
            Ok(())
        })
    }
}

/// The module's timeout, or what the scrape grants less what assembling the page takes, whichever comes first.
fn deadline(scrape: &Scrape, timeout: Duration, offset: Duration) -> Instant {
    let remaining = scrape.remaining();
    let granted = remaining - (remaining / 20).min(Duration::from_millis(50));
    Instant::now() + granted.saturating_sub(offset).min(timeout)
}

/// What every prober with an address reports about it.
fn put_address(probe: &Probe, page: &mut Page, lookup: Duration, address: Option<IpAddr>) {
    probe.note(match address {
        Some(address) => format!("resolved to {address} in {lookup:?}"),
        None => "no address".to_owned(),
    });
    page.put(&LOOKUP, [], lookup.as_secs_f64());
    page.put(&PROTOCOL, [], address.map_or(0_u8, |address| if address.is_ipv4() { 4 } else { 6 }));
    page.put(&HASH, [], address.map_or(0, dial::address_hash));
}

/// Runs a prober's work until the deadline; its stage then says what it was waiting for.
async fn within<T>(
    begin: Instant,
    deadline: Instant,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<Result<T, Failure>, Duration> {
    tokio::time::timeout_at(deadline.into(), work).await.map_err(|_| begin.elapsed())
}

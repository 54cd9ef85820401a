//! `/probe?target=…&module=…`: blackbox_exporter's and json_exporter's probes, under their names.

pub(crate) mod dns;
mod dns_message;
mod grpc;
mod http;
mod icmp;
mod json;
mod socket;
mod tcp;
mod tls_facts;

use exporter_core::probe::{ProbeError, ProbeSpec, parameter};
use exporter_core::{
    BoxedSource, CollectFuture, Collector, Desc, Family, Page, Scrape, Settings, Sink, Source, SourceSpec,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// The path and its parameters.
pub(crate) fn spec(settings: &Settings, context: Context, modules: Arc<Modules>) -> ProbeSpec {
    let off: Vec<&'static str> = collectors()
        .into_iter()
        .filter(|prober| !settings.enabled(prober))
        .map(|prober| prober.name)
        .collect();
    ProbeSpec::new("/probe", &["target", "module", "hostname"], move |parameters| {
        let bad = |why: String| ProbeError::BadRequest(why);
        let target = parameter(parameters, "target").filter(|target| !target.is_empty());
        let target = target.ok_or_else(|| bad("Target parameter is missing".to_owned()))?;
        let name = parameter(parameters, "module");
        let module = modules.find(name);
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
            context: context.clone(),
        });
        Ok(vec![SourceSpec::new([collector], move || Ok(BoxedSource::new(ProbeSource(probe.clone()))))])
    })
}

/// One target asked in one way.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) module: Arc<Module>,
    pub(crate) target: String,
    pub(crate) hostname: Option<String>,
    pub(crate) context: Context,
}

struct ProbeSource(Arc<Probe>);

impl Source for ProbeSource {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            let probe = &*self.0;
            let begin = Instant::now();
            let deadline = deadline(scrape, probe.module.timeout);
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
            sink.put(&DURATION, [], begin.elapsed().as_secs_f64());
            if let Err(failure) = &result {
                sink.put(&REASON, [&failure.reason.as_str()], 1_u8);
                tracing::debug!(target = probe.target, %failure, "probe failed");
            }
            Ok(())
        })
    }
}

/// The module's timeout, or what the scrape grants less what assembling the page takes, whichever comes first.
fn deadline(scrape: &Scrape, timeout: Duration) -> Instant {
    let remaining = scrape.remaining();
    let granted = remaining - (remaining / 20).min(Duration::from_millis(50));
    Instant::now() + granted.min(timeout)
}

/// What every prober with an address reports about it.
fn put_address(page: &mut Page, lookup: Duration, address: Option<IpAddr>) {
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

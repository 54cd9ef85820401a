//! Checks on a schedule of their own: what they find survives between scrapes, as counters and histograms do.

mod families;
mod report;
mod run;
mod state;
mod states;

use exporter_core::{
    BoxedSource, CollectFuture, Collector, ConfigError, Scrape, Settings, Sink, Source, SourceSpec,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

use crate::config::checks::Checks;
use crate::context::Context;
use crate::watch;
use families::CHECKS;
use run::Checker;
use states::States;

/// How often the scheduler looks after its tasks.
const LOOK_AFTER: Duration = Duration::from_secs(30);

static SCHEDULE: Collector = Collector { name: "schedule", enabled: true, families: &[], dynamic: &[] };

pub(crate) fn collectors() -> Vec<&'static Collector> {
    let own = [&CHECKS, &SCHEDULE];
    own.into_iter().chain(watch::collectors()).collect()
}

/// The sources that the file of checks asks for; none without it.
pub(crate) fn sources(settings: &Settings, context: &Context) -> Result<Vec<SourceSpec>, ConfigError> {
    let checks = match settings.text("checks.file") {
        "" => return Ok(Vec::new()),
        path => Checks::read(path)?,
    };
    let on = |collector: &'static Collector| settings.enabled(collector);
    let mut specs = Vec::new();
    let states = Arc::new(States::new(&checks.status_map));
    let all: Vec<_> = checks
        .systems
        .iter()
        .flat_map(|system| system.checks.iter().map(|check| (system.system.clone(), check.clone())))
        .collect();
    let checkers: Arc<[Arc<Checker>]> = all
        .into_iter()
        .map(|(system, check)| Checker::new(system, check, context.clone(), states.clone()).map(Arc::new))
        .collect::<Result<_, ConfigError>>()?;
    if on(&CHECKS) && !checkers.is_empty() {
        let shown = checkers.clone();
        specs.push(SourceSpec::new([&CHECKS], move || Ok(BoxedSource::new(Shown(shown.clone())))));
        specs.push(
            SourceSpec::new([&SCHEDULE], move || {
                Ok(BoxedSource::new(Scheduler { checkers: checkers.clone(), tasks: JoinSet::new() }))
            })
            .background(LOOK_AFTER),
        );
    }
    specs.extend(watch::sources(settings, &checks)?);
    Ok(specs)
}

/// Shows what the checks have found so far.
struct Shown(Arc<[Arc<Checker>]>);

impl Source for Shown {
    fn collect<'a>(&'a mut self, _: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            families::put(sink, &self.0);
            Ok(())
        })
    }
}

/// Keeps one task a check running. They end with it.
struct Scheduler {
    checkers: Arc<[Arc<Checker>]>,
    tasks: JoinSet<usize>,
}

impl Source for Scheduler {
    fn collect<'a>(&'a mut self, _: &'a Scrape, _: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            if self.tasks.is_empty() {
                for at in 0..self.checkers.len() {
                    self.start(at);
                }
            }
            // A task never ends by itself; one that panicked is missed by its number of runs.
            while let Some(ended) = self.tasks.try_join_next() {
                tracing::error!(ended = ended.is_ok(), "a check's task has ended; all are started anew");
                self.tasks.abort_all();
            }
            Ok(())
        })
    }
}

impl Scheduler {
    fn start(&mut self, at: usize) {
        let checker = self.checkers[at].clone();
        self.tasks.spawn(async move {
            checker.run_for_ever().await;
            at
        });
    }
}

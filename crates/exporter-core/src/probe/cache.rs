//! The registries of targets that were asked for lately.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Parameters, ProbeSpec};
use crate::exporter::ConfigError;
use crate::registry::{Registry, Threads, caught};
use crate::route::Route;

/// A target nobody asks for is let go after this, with its connections.
const IDLE: Duration = Duration::from_secs(300);
/// Targets kept at once; one more makes the longest unused leave.
const MAX_TARGETS: usize = 1000;
/// Probes under way at once; further ones wait their turn, within their deadline. Those of targets that hang hold theirs
/// for as long as a scrape takes: a rack that is down must not cost the others theirs.
const MAX_PROBES: usize = 200;

/// Why a probe is not carried out. It is the client's doing: a target that is down is data.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProbeError {
    /// A parameter is missing or makes no sense; answered with 400.
    #[error("{0}")]
    BadRequest(String),
    /// The target may not be asked; answered with 403.
    #[error("{0}")]
    Refused(String),
    /// All places are taken until the deadline; answered with 503.
    #[error("{MAX_PROBES} probes are under way already")]
    Busy,
}

impl From<ConfigError> for ProbeError {
    fn from(error: ConfigError) -> Self {
        ProbeError::BadRequest(error.to_string())
    }
}

impl From<super::Refused> for ProbeError {
    fn from(refused: super::Refused) -> Self {
        ProbeError::Refused(refused.to_string())
    }
}

/// One exporter's targets.
#[derive(Debug)]
pub struct Probes {
    spec: ProbeSpec,
    namespace: &'static str,
    targets: Mutex<BTreeMap<Vec<Option<String>>, Target>>,
    places: Semaphore,
    threads: Arc<Threads>,
}

#[derive(Debug)]
enum Target {
    Kept {
        registry: Arc<Registry>,
        used: Instant,
    },
    /// Lives while somebody probes it; probes that meet share a run all the same.
    Fleeting(Weak<Registry>),
}

impl Target {
    fn is_alive(&self, now: Instant) -> bool {
        match self {
            Target::Kept { used, .. } => now.duration_since(*used) < IDLE,
            Target::Fleeting(registry) => registry.strong_count() > 0,
        }
    }

    /// The registry, for one more use.
    fn used(&mut self, now: Instant) -> Option<Arc<Registry>> {
        match self {
            Target::Kept { registry, used } => {
                *used = now;
                Some(registry.clone())
            }
            Target::Fleeting(registry) => registry.upgrade(),
        }
    }

    fn last_use(&self) -> Option<Instant> {
        match self {
            Target::Kept { used, .. } => Some(*used),
            Target::Fleeting(_) => None,
        }
    }
}

impl Probes {
    /// No targets yet.
    pub fn new(namespace: &'static str, spec: ProbeSpec) -> Self {
        Self {
            spec,
            namespace,
            targets: Mutex::default(),
            places: Semaphore::new(MAX_PROBES),
            threads: Threads::of_probes(),
        }
    }

    /// Where probes are asked for.
    pub fn path(&self) -> &'static str {
        self.spec.path
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.spec.routes
    }

    pub(crate) fn explain(&self, given: &Parameters, page: &str) -> Option<String> {
        self.spec.explain.as_ref().map(|explain| explain(given, page))
    }

    /// Whether `debug=true` is answered.
    pub(crate) fn is_explained(&self) -> bool {
        self.spec.explain.is_some()
    }

    /// Targets that are kept now.
    pub fn len(&self) -> usize {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no target is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The registry of the target that these parameters name, new or kept.
    ///
    /// # Errors
    /// What the exporter says of the parameters.
    pub fn target(&self, given: &Parameters) -> Result<Arc<Registry>, ProbeError> {
        let value = |name: &&str| super::parameter(given, name).map(str::to_owned);
        let key: Vec<_> = self.spec.parameters.iter().map(value).collect();
        let now = Instant::now();
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|_, target| target.is_alive(now));
        if let Some(registry) = targets.get_mut(&key).and_then(|target| target.used(now)) {
            return Ok(registry);
        }
        // Of what stands twice the first counts, as in Go, here and in the key.
        let known: Vec<_> = std::iter::zip(self.spec.parameters, &key)
            .filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)))
            .collect();
        let sources = caught(|| (self.spec.make)(&known))
            .unwrap_or_else(|panic| Err(ConfigError::new(format!("the probe panicked: {panic}")).into()))?;
        let registry = Arc::new(Registry::of_target(self.namespace, sources, &self.threads)?);
        if targets.len() >= MAX_TARGETS
            && let Some(oldest) =
                targets.iter().min_by_key(|(_, target)| target.last_use()).map(|(key, _)| key.clone())
        {
            targets.remove(&oldest);
        }
        let target = match self.spec.is_kept {
            true => Target::Kept { registry: registry.clone(), used: now },
            false => Target::Fleeting(Arc::downgrade(&registry)),
        };
        targets.insert(key, target);
        Ok(registry)
    }

    /// A place for one probe, at the latest at the deadline.
    ///
    /// # Errors
    /// [`ProbeError::Busy`].
    pub async fn place(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, ProbeError> {
        match tokio::time::timeout_at(deadline.into(), self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(ProbeError::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Filter;
    use crate::source::{BlockingSource, BoxedSource, CollectError, Collector, Scrape, Sink, SourceSpec};
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::JoinSet;

    fn probes() -> (Probes, Arc<AtomicUsize>) {
        let (spec, made) = spec();
        (Probes::new("test", spec), made)
    }

    fn spec() -> (ProbeSpec, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let spec = ProbeSpec::new("/probe", &["target", "module"], {
            let made = made.clone();
            move |parameters| {
                made.fetch_add(1, Ordering::SeqCst);
                match super::super::parameter(parameters, "target") {
                    Some(_) => Ok(Vec::new()),
                    None => Err(ProbeError::BadRequest("parameter target is missing".to_owned())),
                }
            }
        });
        (spec, made)
    }

    fn target(probes: &Probes, pairs: &[(&str, &str)]) -> Result<Arc<Registry>, ProbeError> {
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        probes.target(&pairs)
    }

    #[test]
    fn one_registry_a_target_and_module() {
        let (probes, made) = probes();
        let a = target(&probes, &[("target", "a"), ("x", "1")]).unwrap();
        assert!(Arc::ptr_eq(&a, &target(&probes, &[("target", "a"), ("x", "2")]).unwrap()));
        assert!(!Arc::ptr_eq(&a, &target(&probes, &[("target", "a"), ("module", "m")]).unwrap()));
        assert_eq!((made.load(Ordering::SeqCst), probes.len()), (2, 2));
        assert!(matches!(target(&probes, &[]), Err(ProbeError::BadRequest(_))));
    }

    #[test]
    fn of_a_parameter_that_stands_twice_the_first_counts() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let spec = ProbeSpec::new("/probe", &["target"], {
            let seen = seen.clone();
            move |parameters| {
                seen.lock().unwrap().push(parameters.to_vec());
                Ok(Vec::new())
            }
        });
        let probes = Probes::new("test", spec);
        let first = target(&probes, &[("target", "a"), ("target", "b")]).unwrap();
        assert!(Arc::ptr_eq(&first, &target(&probes, &[("target", "a")]).unwrap()));
        assert_eq!(*seen.lock().unwrap(), [[("target".to_owned(), "a".to_owned())]]);
    }

    #[test]
    fn a_probe_that_panics_is_an_answer() {
        let probes = Probes::new("test", ProbeSpec::new("/probe", &["target"], |_| panic!("on purpose")));
        let error = target(&probes, &[("target", "a")]).unwrap_err();
        assert!(matches!(&error, ProbeError::BadRequest(why) if why.contains("on purpose")), "{error:?}");
        assert!(probes.is_empty());
    }

    #[test]
    fn a_fleeting_target_is_shared_and_let_go() {
        let (spec, made) = spec();
        let probes = Probes::new("test", spec.fleeting());
        let a = target(&probes, &[("target", "a")]).unwrap();
        assert!(Arc::ptr_eq(&a, &target(&probes, &[("target", "a")]).unwrap()));
        drop(a);
        target(&probes, &[("target", "b")]).unwrap();
        target(&probes, &[("target", "a")]).unwrap();
        assert_eq!((made.load(Ordering::SeqCst), probes.len()), (3, 1));
    }

    struct Hangs(Arc<(Mutex<bool>, Condvar)>);

    impl BlockingSource for Hangs {
        fn collect(&mut self, _: &Scrape, _: &mut Sink) -> Result<(), CollectError> {
            let (open, changed) = &*self.0;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            Ok(())
        }
    }

    #[test]
    fn threads_of_all_targets_are_bounded_and_go_when_nobody_asks() {
        static ASKED: Collector = Collector { name: "asked", enabled: true, families: &[], dynamic: &[] };
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let spec = ProbeSpec::new("/probe", &["target"], {
            let gate = gate.clone();
            move |_| {
                let gate = gate.clone();
                Ok(vec![SourceSpec::new([&ASKED], move || Ok(BoxedSource::blocking(Hangs(gate.clone()))))])
            }
        });
        let probes = Probes::new("test", spec);
        let registries: Vec<_> =
            (0..200).map(|n| target(&probes, &[("target", &n.to_string())]).unwrap()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let served = |budget| {
            let deadline = Instant::now() + Duration::from_millis(budget);
            runtime.block_on(async {
                let asked: JoinSet<bool> = registries
                    .iter()
                    .cloned()
                    .map(|registry| async move {
                        registry.collect(&Filter::default(), deadline).await.runs().is_some()
                    })
                    .collect();
                asked.join_all().await.into_iter().filter(|served| *served).count()
            })
        };
        assert_eq!((served(300), probes.threads.running()), (0, 128));
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        // Those that waited get their turn.
        assert_eq!(served(10_000), 200);
        let end = Instant::now() + Duration::from_secs(30);
        while probes.threads.running() > 0 {
            assert!(Instant::now() < end, "{} threads stay", probes.threads.running());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let (probes, _) = probes();
        for number in 0..MAX_TARGETS + 50 {
            target(&probes, &[("target", &number.to_string())]).unwrap();
        }
        assert_eq!(probes.len(), MAX_TARGETS);
    }
}

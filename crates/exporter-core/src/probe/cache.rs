//! The registries of targets that were asked for lately.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Parameters, ProbeSpec};
use crate::exporter::ConfigError;
use crate::registry::Registry;
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
        Self { spec, namespace, targets: Mutex::default(), places: Semaphore::new(MAX_PROBES) }
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
        let known: Vec<_> =
            given.iter().filter(|(name, _)| self.spec.parameters.contains(&name.as_str())).cloned().collect();
        let registry = Arc::new(Registry::new(self.namespace, (self.spec.make)(&known)?)?);
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let (probes, _) = probes();
        for number in 0..MAX_TARGETS + 50 {
            target(&probes, &[("target", &number.to_string())]).unwrap();
        }
        assert_eq!(probes.len(), MAX_TARGETS);
    }
}

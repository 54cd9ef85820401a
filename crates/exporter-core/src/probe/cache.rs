//! The registries of targets that were asked for lately.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Parameters, ProbeSpec};
use crate::exporter::ConfigError;
use crate::registry::Registry;

/// A target nobody asks for is let go after this, with its connections.
const IDLE: Duration = Duration::from_secs(300);
/// Targets kept at once; one more makes the longest unused leave.
const MAX_TARGETS: usize = 1000;
/// Probes under way at once; further ones wait their turn, within their deadline.
const MAX_PROBES: usize = 64;

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
struct Target {
    registry: Arc<Registry>,
    used: Instant,
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
        targets.retain(|_, target| now.duration_since(target.used) < IDLE);
        if let Some(target) = targets.get_mut(&key) {
            target.used = now;
            return Ok(target.registry.clone());
        }
        let known: Vec<_> =
            given.iter().filter(|(name, _)| self.spec.parameters.contains(&name.as_str())).cloned().collect();
        let registry = Arc::new(Registry::new(self.namespace, (self.spec.make)(&known)?)?);
        if targets.len() >= MAX_TARGETS
            && let Some(oldest) =
                targets.iter().min_by_key(|(_, target)| target.used).map(|(key, _)| key.clone())
        {
            targets.remove(&oldest);
        }
        targets.insert(key, Target { registry: registry.clone(), used: now });
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
        (Probes::new("test", spec), made)
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
    fn strangers_cannot_fill_the_memory() {
        let (probes, _) = probes();
        for number in 0..MAX_TARGETS + 50 {
            target(&probes, &[("target", &number.to_string())]).unwrap();
        }
        assert_eq!(probes.len(), MAX_TARGETS);
    }
}

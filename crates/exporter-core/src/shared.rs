//! What the sources and probes of one instance have in common, whatever it is.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::exporter::ConfigError;

/// A place for one value; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>);

impl Shared {
    /// The value, made by whoever asks first.
    pub(crate) fn get_or<T: Any + Send + Sync>(
        &self,
        make: impl FnOnce() -> Result<T, ConfigError>,
    ) -> Result<Arc<T>, ConfigError> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = place.clone().and_then(|any| any.downcast().ok()) {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        *place = Some(made.clone());
        Ok(made)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_value() {
        let place = Shared::default();
        assert!(place.get_or::<u32>(|| Err(ConfigError::new("no"))).is_err());
        let first = place.clone().get_or(|| Ok(7_u32)).unwrap();
        assert!(Arc::ptr_eq(&first, &place.get_or(|| Ok(8_u32)).unwrap()));
        assert_eq!(*Shared::default().get_or(|| Ok(9_u32)).unwrap(), 9);
    }
}

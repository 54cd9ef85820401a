//! `/discovery`, as the peer has it: a target of `/probe` for each bucket, in Prometheus' form.

use exporter_core::{Answer, Route, RouteRequest};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::failure::Failure;
use crate::config::values::Whole;
use crate::discover::buckets;
use crate::engine::Engine;

/// Endpoint and bucket.
type Found = Arc<Vec<(String, String)>>;

struct Discovery {
    engine: Arc<Engine>,
    allowed: Vec<Whole>,
    max_age: Duration,
    /// Locked while servers are asked: who comes meanwhile gets the same answer.
    last: tokio::sync::Mutex<Option<(Instant, Result<Found, Failure>)>>,
}

pub(crate) fn route(engine: Arc<Engine>, allowed: Vec<Whole>, max_age: Duration) -> Route {
    let discovery = Arc::new(Discovery { engine, allowed, max_age, last: Default::default() });
    Route::get("/discovery", move |request: RouteRequest| {
        let discovery = discovery.clone();
        async move {
            match discovery.found().await {
                Ok(found) => {
                    Answer::json(discovery.targets(&found, request.host.as_deref().unwrap_or_default()))
                }
                Err(failure) => Answer::text(500, format!("buckets cannot be listed: {failure}\n")),
            }
        }
    })
}

impl Discovery {
    async fn found(self: &Arc<Self>) -> Result<Found, Failure> {
        let failed = |why: String| Failure::new("panic", why);
        let own = self.clone();
        let asking = self.engine.start().map_err(failed)?.spawn(async move { own.ask().await });
        // Who does not wait ends nothing: the next one has the answer.
        asking.await.unwrap_or_else(|error| Err(failed(error.to_string())))
    }

    async fn ask(&self) -> Result<Found, Failure> {
        let mut last = self.last.lock().await;
        if let Some((at, result)) = &*last
            && at.elapsed() < self.max_age
        {
            return result.clone();
        }
        let result = self.list().await.map(Arc::new);
        *last = Some((Instant::now(), result.clone()));
        result
    }

    /// One endpoint that fails fails all: targets must not vanish without a word.
    async fn list(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut found = Vec::new();
        for endpoint in &self.engine.shared.endpoints {
            let name = &endpoint.config.name;
            found.extend(buckets(endpoint).await?.into_iter().map(|bucket| (name.clone(), bucket)));
        }
        Ok(found)
    }

    fn targets(&self, found: &[(String, String)], host: &str) -> String {
        let several = self.engine.shared.endpoints.len() > 1;
        let is_allowed = |bucket: &str| {
            let asked = format!("{bucket}/");
            self.allowed.is_empty() || self.allowed.iter().any(|allowed| allowed.fits(&asked))
        };
        let targets = found.iter().filter(|(_, bucket)| is_allowed(bucket)).map(|(endpoint, bucket)| {
            let mut labels =
                serde_json::Map::from_iter([("__param_bucket".to_owned(), bucket.as_str().into())]);
            if several {
                labels.insert("__param_endpoint".to_owned(), endpoint.as_str().into());
            }
            serde_json::json!({"targets": [host], "labels": labels})
        });
        serde_json::Value::from_iter(targets).to_string()
    }
}

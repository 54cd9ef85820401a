//! Keeps up with one engine: all containers at first, then what the event stream says, with a look at the whole list now
//! and then in case something was missed.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

use super::api::{ImageSummary, RawEvent};
use super::client::{Engine, EngineError, Events};
use super::transport::Address;
use crate::labels::Allowed;
use crate::model::{self, Action, Change, Container, Event, News, State};

/// Lost events are made good after at most this time.
const RECONCILE: Duration = Duration::from_secs(60);
/// How soon an engine that hangs is noticed.
const PING: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The slow loop gives up after this.
const DISK_PATIENCE: Duration = Duration::from_secs(30);
/// ... and rests at least this many times as long as it took.
const DISK_REST: u32 = 20;

/// What to watch.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// As it was given; a label value.
    pub(crate) endpoint: String,
    pub(crate) address: Address,
    pub(crate) labels: Allowed,
    /// The slow loop's interval, where it is on.
    pub(crate) disk_interval: Option<Duration>,
    /// Inspecting more than this many would take the engine too long.
    pub(crate) max_containers: usize,
}

/// Runs until `publish` says that nobody listens any more.
pub(crate) async fn watch(watch: Watch, publish: impl Fn(News) -> bool) {
    let send = |change| publish(News { endpoint: watch.endpoint.clone(), change });
    let mut pause = FIRST_PAUSE;
    let mut first = true;
    let mut said = String::new();
    loop {
        let begin = Instant::now();
        let error = match session(&watch, &send, !first).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if !send(Change::Down) {
            return;
        }
        // The same trouble every 30 s is no news.
        let text = error.to_string();
        if text != said {
            tracing::warn!(endpoint = watch.endpoint, error = text, "engine does not answer; trying again");
            said = text;
        }
        if begin.elapsed() > RECONCILE {
            (pause, said) = (FIRST_PAUSE, String::new());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        first = false;
    }
}

/// One connection's time. `Ok` when nobody listens any more.
async fn session(watch: &Watch, send: &impl Fn(Change) -> bool, again: bool) -> Result<(), EngineError> {
    let mut engine = Engine::new(watch.address.clone())?;
    let podman = engine.version().await?.is_podman();
    // First the events, then the list: what happens between the two is seen twice rather than never.
    let mut events = engine.events(podman).await?;
    let info = engine.info().await?;
    let mut known = Known {
        engine: model::Engine {
            version: info.server_version,
            storage_driver: info.driver,
            cgroup_driver: info.cgroup_driver,
            cgroup_version: info.cgroup_version,
            podman,
            ..model::Engine::default()
        },
        ..Known::default()
    };
    known.images(&engine.images().await?);
    let mut all = Vec::new();
    for summary in engine.list().await?.iter().take(watch.max_containers.saturating_mul(2)) {
        if let Some(container) = inspect(&mut engine, &mut known, watch, &summary.id).await? {
            all.push(container);
        }
    }
    tracing::info!(
        endpoint = watch.endpoint,
        version = known.engine.version,
        containers = all.len(),
        "engine answers"
    );
    let reconnected = again && !send(Change::Reconnected);
    if reconnected || !send(Change::Reset(all)) || !send(Change::Up(known.engine.clone())) {
        return Ok(());
    }
    follow(watch, send, &mut engine, &mut events, &mut known).await
}

async fn follow(
    watch: &Watch,
    send: &impl Fn(Change) -> bool,
    engine: &mut Engine,
    events: &mut Events,
    known: &mut Known,
) -> Result<(), EngineError> {
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    let mut reconcile = tokio::time::interval_at(Instant::now() + RECONCILE, RECONCILE);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let slow_loop = |at: Instant| {
        let address = watch.address.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            disk_usage(address).await
        })
    };
    let mut disk = watch.disk_interval.map(|_| slow_loop(Instant::now()));
    loop {
        let listening = tokio::select! {
            event = events.next() => match event? {
                Some(event) => handle(&event, watch, send, engine, known).await?,
                None => return Err(std::io::Error::other("the event stream has ended").into()),
            },
            _ = ping.tick() => {
                engine.ping().await?;
                send(Change::Alive)
            }
            _ = reconcile.tick() => reconciled(watch, send, engine, known).await?,
            found = async { disk.as_mut()?.await.ok() }, if disk.is_some() => {
                let (usage, took) = found.unwrap_or_default();
                let rest = watch.disk_interval.unwrap_or_default().max(took * DISK_REST);
                disk = Some(slow_loop(Instant::now() + rest));
                usage.is_none_or(|usage| send(Change::Disk(usage)))
            }
        };
        if !listening {
            return Ok(());
        }
    }
}

async fn disk_usage(address: Address) -> (Option<model::DiskUsage>, Duration) {
    let begin = Instant::now();
    let found = match Engine::new(address) {
        Ok(mut engine) => engine.disk_usage(DISK_PATIENCE).await,
        Err(error) => Err(error),
    };
    let found = found.inspect_err(|error| {
        tracing::warn!(error = error.to_string(), "disk usage of layers and volumes is not known");
    });
    (found.ok().map(super::api::Df::into_usage), begin.elapsed())
}

async fn handle(
    event: &RawEvent,
    watch: &Watch,
    send: &impl Fn(Change) -> bool,
    engine: &mut Engine,
    known: &mut Known,
) -> Result<bool, EngineError> {
    let Some((id, action)) = event.meaning() else { return Ok(true) };
    let count = || send(Change::Event(Event { container: id.to_owned(), action }));
    // A start may be the first that is heard of a container: there is nothing to count it for until it is known.
    let begins = action == Action::Start;
    let mut listening = begins || count();
    match action {
        Action::Destroy => {
            known.containers.remove(id);
            listening &= send(Change::Gone(id.to_owned()));
        }
        Action::Image => {
            known.images(&engine.images().await?);
            listening &= send(Change::Up(known.engine.clone()));
            for container in known.newly_judged() {
                listening &= send(Change::Put(Box::new(container)));
            }
        }
        // What follows, a `die`, is worth a look.
        Action::Oom => {}
        _ => match inspect(engine, known, watch, id).await? {
            Some(container) => listening &= send(Change::Put(Box::new(container))),
            None => listening &= send(Change::Gone(id.to_owned())),
        },
    }
    Ok(listening && (!begins || count()))
}

/// Compares with the whole list. Containers with a health check are asked anyhow: their failing streak grows without an
/// event.
async fn reconciled(
    watch: &Watch,
    send: &impl Fn(Change) -> bool,
    engine: &mut Engine,
    known: &mut Known,
) -> Result<bool, EngineError> {
    let list = engine.list().await?;
    let mut listening = true;
    for id in known.missing(&list) {
        known.containers.remove(&id);
        listening &= send(Change::Gone(id));
    }
    for summary in list.iter().take(watch.max_containers.saturating_mul(2)) {
        let known_one = known.containers.get(&summary.id);
        if known_one.is_some_and(|one| one.state == State::parse(&summary.state) && one.health.is_none()) {
            continue;
        }
        let before = known_one.cloned();
        if let Some(container) = inspect(engine, known, watch, &summary.id).await?
            && before.as_ref() != Some(&container)
        {
            listening &= send(Change::Put(Box::new(container)));
        }
    }
    Ok(listening)
}

async fn inspect(
    engine: &mut Engine,
    known: &mut Known,
    watch: &Watch,
    id: &str,
) -> Result<Option<Container>, EngineError> {
    match engine.inspect(id).await {
        Ok(inspect) => {
            let mut container = inspect.into_container(known.engine.podman, &watch.labels);
            container.outdated = known.judge(&container);
            known.containers.insert(container.id.clone(), container.clone());
            Ok(Some(container))
        }
        Err(error) if error.is_not_found() => {
            known.containers.remove(id);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What has been published.
#[derive(Default)]
struct Known {
    engine: model::Engine,
    containers: HashMap<String, Container>,
    /// Image by tag.
    tags: HashMap<String, String>,
}

impl Known {
    fn images(&mut self, images: &[ImageSummary]) {
        self.engine.images = images.len() as u64;
        self.engine.images_bytes = images.iter().map(|image| image.size).sum();
        self.tags = images
            .iter()
            .flat_map(|image| image.repo_tags.iter().map(|tag| (canonical(tag), image.id.clone())))
            .collect();
    }

    /// Whether the container's image is not the one that its tag names now. By what is here: no registry is asked.
    fn judge(&self, container: &Container) -> Option<bool> {
        if container.image.contains('@') || container.image_id.is_empty() {
            return None;
        }
        self.tags
            .get(&canonical(&container.image))
            .map(|id| same_image(id, &container.image_id))
            .map(|same| !same)
    }

    /// The containers about which new images say something new.
    fn newly_judged(&mut self) -> Vec<Container> {
        let judged: Vec<_> = self.containers.values().map(|one| (one.id.clone(), self.judge(one))).collect();
        judged
            .into_iter()
            .filter_map(|(id, outdated)| {
                let container = self.containers.get_mut(&id).filter(|one| one.outdated != outdated)?;
                container.outdated = outdated;
                Some(container.clone())
            })
            .collect()
    }

    fn missing(&self, list: &[super::api::Summary]) -> Vec<String> {
        self.containers.keys().filter(|id| !list.iter().any(|one| one.id == **id)).cloned().collect()
    }
}

/// Podman writes ids without `sha256:`.
fn same_image(one: &str, other: &str) -> bool {
    let bare = |id: &str| id.strip_prefix("sha256:").unwrap_or(id).to_owned();
    bare(one) == bare(other)
}

/// `nginx`, `docker.io/library/nginx:latest` and `nginx:latest` are one.
fn canonical(image: &str) -> String {
    let bare =
        ["docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/"]
            .iter()
            .find_map(|prefix| image.strip_prefix(prefix))
            .unwrap_or(image);
    let tagged = bare.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if tagged { bare.to_owned() } else { format!("{bare}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names() {
        for name in ["nginx", "nginx:latest", "docker.io/library/nginx", "docker.io/library/nginx:latest"] {
            assert_eq!(canonical(name), "nginx:latest", "{name}");
        }
        assert_eq!(canonical("localhost:5000/web"), "localhost:5000/web:latest");
    }

    #[test]
    fn an_image_is_outdated_when_its_tag_has_moved_on() {
        let mut known = Known::default();
        let image =
            |id: &str| ImageSummary { id: id.to_owned(), repo_tags: vec!["web:1".to_owned()], size: 5 };
        known.images(&[image("sha256:a")]);
        let mut container = Container {
            id: "c".into(),
            image: "web:1".into(),
            image_id: "sha256:a".into(),
            ..Container::default()
        };
        container.outdated = known.judge(&container);
        assert_eq!(container.outdated, Some(false));
        known.containers.insert("c".into(), container.clone());
        known.images(&[image("sha256:b")]);
        assert_eq!(known.newly_judged()[0].outdated, Some(true));
        assert!(known.newly_judged().is_empty());
        container.image = "sha256:a".into();
        assert_eq!(known.judge(&container), None);
    }
}

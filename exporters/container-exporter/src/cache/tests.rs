//! What the cache keeps, and for how long.

use super::*;
use crate::model::{Event, State as ContainerState};

fn container(id: &str, started: f64, state: ContainerState) -> Container {
    Container { id: id.into(), name: id.into(), created: started, started, state, ..Container::default() }
}

fn send(cache: &Cache, change: Change) {
    cache.apply(News { endpoint: "e".into(), change });
}

fn put(cache: &Cache, one: Container) {
    send(cache, Change::Put(Box::new(one)));
}

fn event(cache: &Cache, id: &str, action: Action) {
    send(cache, Change::Event(Event { container: id.into(), action }));
}

fn seen(cache: &Cache, id: &str, life: u64, kills: u64) {
    let found = Found { id: id.into(), life, path: "/docker/x".into(), oom_kills: Some(kills), at: 7.0 };
    cache.report(&[found]);
}

#[test]
fn kills_add_up_over_lives() {
    let cache = Cache::new(Duration::from_secs(300), 10);
    put(&cache, container("a", 1.0, ContainerState::Running));
    seen(&cache, "a", 0, 2);
    event(&cache, "a", Action::Oom);
    assert_eq!(cache.lock().containers["a"].counts.oom_kills(), 2);
    event(&cache, "a", Action::Die { exit_code: 137 });
    put(&cache, container("a", 2.0, ContainerState::Running));
    // A life too short for any scrape.
    event(&cache, "a", Action::Oom);
    // A late reading of the last life counts no more.
    seen(&cache, "a", 0, 9);
    let entry = cache.lock().containers["a"].clone();
    assert_eq!((entry.counts.oom_kills(), entry.counts.exits, entry.life), (3, [0, 0, 1, 0], 1));
}

#[test]
fn one_that_stops_leaves_a_tombstone_until_it_comes_back() {
    let cache = Cache::new(Duration::from_secs(300), 10);
    put(&cache, container("a", 1.0, ContainerState::Running));
    seen(&cache, "a", 0, 0);
    put(&cache, container("a", 1.0, ContainerState::Exited));
    assert_eq!(cache.lock().standing().map(|one| one.last_seen).collect::<Vec<_>>(), [7.0]);
    put(&cache, container("a", 2.0, ContainerState::Running));
    assert_eq!(cache.lock().standing().count(), 0);
    seen(&cache, "a", 1, 0);
    send(&cache, Change::Gone("a".into()));
    assert_eq!(cache.lock().standing().count(), 1);
}

#[test]
fn bounds_hold() {
    let cache = Cache::new(Duration::from_secs(300), 3);
    for number in 0..1000 {
        let id = format!("c{number}");
        put(&cache, container(&id, 1.0, ContainerState::Running));
        seen(&cache, &id, 0, 0);
        send(&cache, Change::Gone(id));
    }
    assert_eq!(cache.lock().tombstones.len(), MAX_TOMBSTONES);
    assert!(cache.lock().seen.is_empty());
    for number in 0..5_u32 {
        put(&cache, container(&format!("d{number}"), f64::from(number), ContainerState::Running));
    }
    let state = cache.lock();
    assert_eq!(state.containers.keys().collect::<Vec<_>>(), ["d0", "d1", "d2"]);
    assert_eq!(state.dropped, 2);
}

#[test]
fn a_reset_forgets_what_is_not_in_it_but_only_of_that_engine() {
    let cache = Cache::new(Duration::ZERO, 10);
    put(&cache, container("a", 1.0, ContainerState::Running));
    let other = Change::Put(Box::new(container("b", 1.0, ContainerState::Running)));
    cache.apply(News { endpoint: "other".into(), change: other });
    send(&cache, Change::Reset(vec![container("c", 1.0, ContainerState::Running)]));
    assert_eq!(cache.lock().containers.keys().collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn an_engine_is_up_when_it_says_so() {
    let cache = Cache::new(Duration::ZERO, 10);
    cache.expect("e");
    assert!(!cache.lock().engines["e"].is_up());
    send(&cache, Change::Up(Engine::default()));
    assert!(cache.lock().engines["e"].is_up());
    send(&cache, Change::Down);
    assert!(!cache.lock().engines["e"].is_up());
}

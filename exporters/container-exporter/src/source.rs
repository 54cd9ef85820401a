//! One scrape: who is there, what the kernel has counted for them, and on to the collectors.

use exporter_core::{BlockingSource, CollectError, Labels, Scrape, Sink};
use rustix::fs::CWD;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cache::{self, Cache, Counts, EngineState, Tombstone, unix};
use crate::cgroup::{Cgroup, Gone, Layout, Reader, Usage, Wanted, directory};
use crate::collectors::{self, CPU, DISK_IO, Found, MEMORY, NETWORK, OOM, PRESSURE, PROCESS, Subject};
use crate::devices::Devices;
use crate::model::{Change, Container, News};
use crate::netdev::Counters;
use crate::network::Net;
use crate::options::{Mode, Options};
use crate::scanned::Scanned;
use crate::shown::{self, Shown};
use crate::text::{fields, integer, lines};

/// Who tells of containers that are found by the names of their cgroups.
const NO_ENGINE: &str = "";

/// Reads all containers' cgroups.
pub(crate) struct Containers {
    options: Options,
    cache: Cache,
    layout: Option<Layout>,
    reader: Reader,
    handles: HashMap<String, Handle>,
    root: Handle,
    /// The networks that were shown on this page.
    networks: HashSet<u64>,
    host: Container,
    devices: Devices,
    scanned: Scanned,
    shown: Shown,
    host_labels: Labels,
    scrapes: u64,
}

/// A running container's open files.
struct Handle {
    cgroup: Cgroup,
    /// Whose start this is; another start is another cgroup.
    life: Life,
    /// Of the process whose network is the container's, once that was made sure.
    net: Option<Net>,
    /// The last news about it; newer ones may be about its limits.
    news: Option<Arc<Container>>,
    usage: Usage,
    network: Vec<(String, Counters)>,
    /// The last scrape that has found it.
    scrape: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Life {
    pid: u32,
    started: f64,
    count: u64,
}

/// What is known before anything is read.
#[derive(Default)]
struct Known {
    tasks: Vec<Task>,
    engines: Vec<(Arc<str>, EngineState)>,
    tombstones: Vec<Tombstone>,
    dropped: u64,
}

/// One container to be read.
struct Task {
    container: Arc<Container>,
    endpoint: Arc<str>,
    life: u64,
    counts: Counts,
    path: Option<Arc<str>>,
    read: bool,
}

impl Containers {
    pub(crate) fn new(options: Options, cache: Cache) -> Self {
        let layout = Layout::detect(&options.cgroup);
        Self {
            layout,
            cache,
            reader: Reader::new(),
            handles: HashMap::new(),
            root: Handle::new("/", Life::default(), Net::open(CWD, options.procfs.join("1/net"))),
            networks: HashSet::new(),
            host: Container { started: boot_time(&options), ..Container::default() },
            devices: Devices::default(),
            scanned: Scanned::default(),
            shown: Shown::default(),
            host_labels: shown::labels(&Container::default(), "/"),
            scrapes: 0,
            options,
        }
    }

    fn known(&mut self) -> Known {
        if self.options.mode == Mode::Cgroup {
            self.scan();
        }
        let mut state = self.cache.lock();
        let scanned = |id: &String| self.scanned.found.get(id).map(|(_, path)| path.clone());
        let tasks = state.containers.iter().map(|(id, entry)| Task {
            container: entry.container.clone(),
            endpoint: entry.endpoint().clone(),
            life: entry.life,
            counts: entry.counts,
            path: entry.path.clone().or_else(|| scanned(id)),
            read: false,
        });
        let tasks = tasks.collect();
        let engines = state.engines.iter().filter(|(endpoint, _)| **endpoint != NO_ENGINE.into());
        let engines = engines.map(|(endpoint, engine)| (endpoint.clone(), engine.clone())).collect();
        let tombstones = state.standing().cloned().collect();
        Known { tasks, engines, tombstones, dropped: state.dropped }
    }

    /// Tells the cache what an engine would: who is new, and who has gone.
    fn scan(&mut self) {
        let Some(layout) = &self.layout else { return };
        if !self.scanned.refresh(layout, self.options.max_containers.saturating_mul(2)) {
            return;
        }
        let found = &self.scanned.found;
        let state = self.cache.lock();
        let gone = state.containers.keys().filter(|id| !found.contains_key(*id)).cloned().map(Change::Gone);
        let new = found.iter().filter(|(id, _)| !state.containers.contains_key(*id));
        let new = new.map(|(_, (container, _))| Change::Put(Box::new((**container).clone())));
        let changes: Vec<_> = gone.chain(new).collect();
        drop(state);
        for change in changes {
            self.cache.apply(News { endpoint: NO_ENGINE.to_owned(), change });
        }
    }

    /// Reads one container; false if it is not there.
    fn read(&mut self, task: &Task, wanted: &Wanted, network: bool) -> bool {
        let Some(layout) = self.layout.clone() else { return false };
        let container = &*task.container;
        let life = Life { pid: container.pid, started: container.started, count: task.life };
        if self.handles.get(&container.id).is_some_and(|handle| handle.life != life) {
            self.handles.remove(&container.id);
        }
        // A second try: it may have been started again before the engine could tell.
        for _ in 0..2 {
            if !self.handles.contains_key(&container.id) {
                let Some((path, verified)) = self.locate(&layout, task) else { return false };
                self.handles.insert(container.id.clone(), Handle::new(&path, life, verified));
            }
            let Some(handle) = self.handles.get_mut(&container.id) else { return false };
            if !handle.news.as_ref().is_some_and(|news| Arc::ptr_eq(news, &task.container)) {
                handle.news = Some(task.container.clone());
                handle.cgroup.forget_limits();
            }
            match handle.read(&layout, wanted, &mut self.reader) {
                Ok(()) => {
                    // Nobody says of containers that are found by their cgroups whose network they share.
                    let is_new = |net: &Net| self.networks.insert(net.id);
                    if network && has_own_network(container) && handle.net.as_ref().is_some_and(is_new) {
                        handle.read_network(&mut self.reader);
                    }
                    return true;
                }
                Err(Gone) => drop(self.handles.remove(&container.id)),
            }
        }
        false
    }

    /// The container's path, and its process' network if `/proc` confirms that it is the container's.
    fn locate(&mut self, layout: &Layout, task: &Task) -> Option<(String, Option<Net>)> {
        let container = &task.container;
        if container.pid != 0 {
            // All by one descriptor: should the process end and another one get its number, this stays the first one's.
            let process = directory(CWD, self.process(container.pid.into()));
            let net = process.as_ref().and_then(|process| Net::open(process, "net"));
            let cgroup = process.map(|process| self.reader.read_in(&process, "cgroup"));
            let text = cgroup.and_then(|text| text.ok().flatten()).unwrap_or_default();
            if let Some(path) = layout.path_from(text, &container.id)
                && layout.directory(layout.main(), &path).is_dir()
            {
                return Some((path, net));
            }
            // In a cgroup namespace of our own the path cannot be told, but the process can.
            let is_its = memchr::memmem::find(text, container.id.as_bytes()).is_some();
            self.scanned.refresh(layout, usize::MAX);
            let (_, path) = self.scanned.found.get(&container.id)?;
            return Some((path.to_string(), net.filter(|_| is_its)));
        }
        let path = task.path.as_ref()?;
        let first = layout.directory(layout.main(), path).join("cgroup.procs");
        let pid =
            self.reader.read(&first).ok().flatten().and_then(|text| lines(text).next().and_then(integer));
        Some((path.to_string(), pid.and_then(|pid| Net::open(CWD, self.process(pid).join("net")))))
    }

    fn process(&self, pid: u64) -> PathBuf {
        self.options.procfs.join(pid.to_string())
    }
}

impl BlockingSource for Containers {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let begin = Instant::now();
        self.scrapes += 1;
        let now = unix(scrape.now());
        if self.layout.is_none() {
            self.layout = Layout::detect(&self.options.cgroup);
        }
        let wanted = Wanted {
            cpu: sink.wants(&CPU),
            memory: sink.wants(&MEMORY),
            io: sink.wants(&DISK_IO),
            pressure: sink.wants(&PRESSURE),
            oom: sink.wants(&OOM),
            process: sink.wants(&PROCESS),
        };
        let network = sink.wants(&NETWORK);
        self.networks.clear();
        self.networks.extend(self.root.net.as_ref().map(|net| net.id));
        let Known { mut tasks, engines, tombstones, dropped } = self.known();
        let mut trouble = self.layout.is_none();
        let mut seen = Vec::with_capacity(tasks.len());
        for task in tasks.iter_mut().filter(|task| task.container.state.is_alive()) {
            // What is not read by then is missing once; a page that comes late is missing whole.
            if scrape.remaining() < Duration::from_millis(50) {
                trouble = true;
                break;
            }
            task.read = self.read(task, &wanted, network);
            if !task.read {
                continue;
            }
            let Some(handle) = self.handles.get_mut(&task.container.id) else { continue };
            handle.scrape = self.scrapes;
            trouble |= handle.usage.malformed;
            task.path = Some(handle.cgroup.path.clone());
            task.counts.read(handle.usage.oom_kills);
            seen.push(cache::Found {
                id: task.container.id.clone(),
                life: task.life,
                path: handle.cgroup.path.clone(),
                oom_kills: handle.usage.oom_kills,
                at: now,
            });
        }
        self.handles.retain(|_, handle| handle.scrape == self.scrapes);
        self.cache.report(&seen);
        if wanted.io {
            self.devices.read(&self.options.procfs);
        }
        let root = self.options.root && self.read_root(&wanted, network);
        let took = begin.elapsed();

        let paths: Vec<_> = tasks.iter().map(|task| task.shown_path(&engines)).collect();
        let containers = tasks.iter().zip(&paths).map(|(task, path)| (&task.container, path, task));
        let shown = self.shown.of(containers);
        let handle_of = |task: &Task| self.handles.get(&task.container.id).filter(|_| task.read);
        let host = root.then(|| Subject {
            container: &self.host,
            labels: &self.host_labels,
            is_host: true,
            counts: Counts::default(),
            usage: Some((&self.root.usage, self.root.network.as_slice())),
        });
        let mut subjects: Vec<_> = host.into_iter().collect();
        subjects.extend(shown.into_iter().map(|(task, labels)| Subject {
            container: &task.container,
            labels,
            is_host: false,
            counts: task.counts,
            usage: handle_of(task).map(|handle| (&handle.usage, handle.network.as_slice())),
        }));
        let found = Found {
            subjects: &subjects,
            tombstones: &tombstones,
            device_wide: self.options.device_wide,
            expected: match engines.iter().any(|(_, engine)| engine.engine.is_some()) {
                true => &self.options.expected,
                false => &[],
            },
            now,
            trouble,
            devices: &self.devices,
        };
        collectors::fill_usage(sink, &found);
        collectors::fill_state(sink, &found);
        let all = tasks.iter().map(|task| (&task.endpoint, &*task.container));
        collectors::fill_engine(sink, &engines, all, dropped, took);
        Ok(())
    }
}

impl Containers {
    fn read_root(&mut self, wanted: &Wanted, network: bool) -> bool {
        let Some(layout) = &self.layout else { return false };
        if self.root.read(layout, wanted, &mut self.reader).is_err() {
            return false;
        }
        // The root of version 2 has no memory files of its own.
        if wanted.memory && self.root.usage.memory_usage.is_none() {
            let text =
                self.reader.read(&self.options.procfs.join("meminfo")).ok().flatten().unwrap_or_default();
            self.root.usage.memory_usage = used_memory(text);
        }
        if network {
            self.root.read_network(&mut self.reader);
        }
        true
    }
}

impl Handle {
    fn new(path: &str, life: Life, net: Option<Net>) -> Self {
        Self {
            cgroup: Cgroup::new(path),
            life,
            net,
            news: None,
            usage: Usage::default(),
            network: Vec::new(),
            scrape: 0,
        }
    }

    fn read(&mut self, layout: &Layout, wanted: &Wanted, reader: &mut Reader) -> Result<(), Gone> {
        self.network.clear();
        self.cgroup.read(layout, wanted, reader, &mut self.usage)
    }

    fn read_network(&mut self, reader: &mut Reader) {
        let Some(net) = &self.net else { return };
        if net.read(reader, &mut self.network).is_err() {
            self.network.clear();
            self.usage.malformed = true;
        }
    }
}

impl Task {
    /// The `id` label: as seen, or where its engine would put it.
    fn shown_path(&self, engines: &[(Arc<str>, EngineState)]) -> Arc<str> {
        if let Some(path) = &self.path {
            return path.clone();
        }
        let engine = engines.iter().find(|(endpoint, _)| *endpoint == self.endpoint);
        let systemd = engine
            .and_then(|(_, state)| state.engine.as_ref())
            .is_some_and(|engine| engine.cgroup_driver == "systemd");
        let id = &self.container.id;
        match (self.container.podman, systemd) {
            (false, false) => format!("/docker/{id}"),
            (false, true) => format!("/system.slice/docker-{id}.scope"),
            (true, false) => format!("/libpod_parent/libpod-{id}"),
            (true, true) => format!("/machine.slice/libpod-{id}.scope"),
        }
        .into()
    }
}

/// One that shares another's network would count it twice; the host's is on id="/".
fn has_own_network(container: &Container) -> bool {
    container.network_mode != "host" && !container.network_mode.starts_with("container:")
}

fn boot_time(options: &Options) -> f64 {
    let path: PathBuf = options.procfs.join("stat");
    let text = std::fs::read(path).unwrap_or_default();
    let line = lines(&text).find_map(|line| line.strip_prefix(b"btime "));
    line.and_then(|number| integer(number.trim_ascii())).map_or(0.0, |seconds| seconds as f64)
}

/// Memory that is not free, as the peer has it for a host of version 2.
fn used_memory(meminfo: &[u8]) -> Option<u64> {
    let kilobytes =
        |key: &[u8]| lines(meminfo).find_map(|line| fields(line.strip_prefix(key)?).next().and_then(integer));
    Some(kilobytes(b"MemTotal:")?.saturating_sub(kilobytes(b"MemFree:")?).saturating_mul(1024))
}

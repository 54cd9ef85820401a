//! Containers without an engine: processes with cgroups and a network of their own, made in milliseconds, and as much of an
//! engine's interface as tells of them. For what no engine is quick enough for; all else is tested with real ones.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, Result, wait};
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const CGROUPS: &str = "/sys/fs/cgroup";
/// Where version 1 has what the exporter reads; with version 2 there is the root only.
const TREES: [&str; 6] = ["memory", "cpu", "cpuacct", "blkio", "pids", "unified"];
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Default)]
struct State {
    /// Number and process of those that run, by id.
    running: BTreeMap<String, (usize, u32)>,
    ended: HashSet<String>,
    listeners: Vec<UnixStream>,
}

impl State {
    fn tell(&mut self, action: &str, id: &str) {
        let line = format!(
            "{{\"Type\":\"container\",\"Action\":\"{action}\",\"Actor\":{{\"ID\":\"{id}\",\"Attributes\":{{\"exitCode\":\"137\"}}}}}}\n"
        );
        self.listeners.retain_mut(|listener| listener.write_all(line.as_bytes()).is_ok());
    }

    /// The body for a path without its version; none for what is not there.
    fn answer(&self, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        Some(match path {
            "/_ping" => "OK".to_owned(),
            "/version" => r#"{"Components":[{"Name":"Fleet"}]}"#.to_owned(),
            "/info" => r#"{"ServerVersion":"0","CgroupDriver":"cgroupfs"}"#.to_owned(),
            "/images/json" => "[]".to_owned(),
            "/containers/json" => {
                let one = |id: &String| format!(r#"{{"Id":"{id}","State":"running"}}"#);
                format!("[{}]", self.running.keys().map(one).collect::<Vec<_>>().join(","))
            }
            _ => {
                let id = path.strip_prefix("/containers/")?.strip_suffix("/json")?;
                let (number, pid) = self.running.get(id)?;
                format!(
                    r#"{{"Id":"{id}","Name":"/fleet-{number}","Created":"2026-01-01T00:00:00Z","Config":{{"Image":"fleet"}},
                    "State":{{"Status":"running","Pid":{pid},"StartedAt":"2026-01-01T00:00:00.{number:09}Z"}}}}"#
                )
            }
        })
    }
}

pub(crate) struct Fleet {
    state: Arc<Mutex<State>>,
    next: AtomicUsize,
    path: PathBuf,
    _dir: TempDir,
}

impl Fleet {
    pub(crate) fn start() -> Result<Self> {
        let dir = TempDir::new()?;
        let path = dir.path().join("engine.sock");
        let listener = UnixListener::bind(&path)?;
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let _ = serve(client, &shared);
            }
        });
        Ok(Self { state, next: AtomicUsize::new(1), path, _dir: dir })
    }

    pub(crate) fn flag(&self) -> String {
        format!("--endpoint=unix://{}", self.path.display())
    }

    /// Names of those whose process has ended.
    pub(crate) fn ended(&self) -> HashSet<String> {
        lock(&self.state).ended.clone()
    }

    /// The interface that a container of this name has: no two have the same.
    pub(crate) fn interface(name: &str) -> String {
        name.replace("fleet-", "eth")
    }

    /// A container from its creation to its removal.
    pub(crate) fn live(&self, life: Duration) -> Result {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let (id, name) = (format!("{number:032x}{:032x}", std::process::id()), format!("fleet-{number}"));
        let member = Member::start(&id, &Self::interface(&name))?;
        let mut state = lock(&self.state);
        state.running.insert(id.clone(), (number, member.process.id()));
        state.tell("start", &id);
        drop(state);
        std::thread::sleep(life);
        drop(member);
        let mut state = lock(&self.state);
        state.running.remove(&id);
        state.ended.insert(name);
        state.tell("die", &id);
        state.tell("destroy", &id);
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for cgroup in trees() {
            let _ = std::fs::remove_dir(cgroup);
        }
    }
}

/// The directories in which the containers' cgroups are.
fn trees() -> Vec<PathBuf> {
    let root = Path::new(CGROUPS);
    let mut trees: Vec<_> = TREES.iter().map(|tree| root.join(tree)).filter(|tree| tree.is_dir()).collect();
    if trees.is_empty() {
        trees.push(root.to_owned());
    }
    trees.iter().map(|tree| tree.join("exporters-fleet")).collect()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request on a connection, as the exporter asks.
fn serve(client: UnixStream, state: &Mutex<State>) -> Result {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().ok_or_else(|| Error::new("no request"))??;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = first.split(' ').nth(1).unwrap_or_default();
    let path = match target.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, _)) if version.starts_with(|first: char| first.is_ascii_digit()) => {
            &target[version.len() + 2..]
        }
        _ => target,
    };
    let mut client = client;
    let mut state = lock(state);
    if path.starts_with("/events") {
        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")?;
        state.listeners.push(client);
        return Ok(());
    }
    let (status, body) = match state.answer(path) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", "{}".to_owned()),
    };
    drop(state);
    let length = body.len();
    write!(client, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")?;
    Ok(())
}

/// A process in cgroups of its own; both end when dropped.
struct Member {
    process: Child,
    cgroups: Vec<PathBuf>,
}

impl Member {
    fn start(id: &str, interface: &str) -> Result<Self> {
        let links = format!(
            "ip link add {interface} type veth peer name veth0 && ip link set {interface} up && ip link set veth0 up && exec sleep 3600"
        );
        let process = Command::new("unshare").args(["--net", "sh", "-c", &links]).spawn()?;
        let cgroups = trees().iter().map(|tree| tree.join(id)).collect();
        let member = Self { process, cgroups };
        let pid = member.process.id();
        for cgroup in &member.cgroups {
            std::fs::create_dir_all(cgroup)?;
            std::fs::write(cgroup.join("cgroup.procs"), pid.to_string())?;
        }
        wait::until("the network of its own", LIMIT, || {
            let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
            if text.contains(interface) { Ok(()) } else { Err(Error::new(text)) }
        })?;
        Ok(member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = (self.process.kill(), self.process.wait());
        for cgroup in &self.cgroups {
            // It is busy for as long as a process in it is not gone altogether.
            let _ = wait::until("the end of the cgroup", LIMIT, || match std::fs::remove_dir(cgroup) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::from(error)),
                _ => Ok(()),
            });
        }
    }
}

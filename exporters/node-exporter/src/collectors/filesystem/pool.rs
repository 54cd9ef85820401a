//! Calls that may never return, on threads of their own.
//!
//! Local filesystems are asked where we are. One thread asks the other mounts one after the other. When a call does not
//! return soon, another thread goes on with the rest; the stuck one is left alone, and its mount is not asked again before
//! it has returned.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::mounts::Mount;

/// A call that takes longer than this lets the others wait no more.
const STALL: Duration = Duration::from_millis(50);
/// Threads that may be stuck at once. More dead mounts than this are reported without being asked.
const MAX_THREADS: usize = 32;
/// A call that takes longer than this hangs, also where the scrape cannot wait for as long as it should.
const HANGS: Duration = Duration::from_millis(250);
/// Threads of ours need next to nothing.
const STACK: usize = 64 << 10;

/// What statfs says, in bytes and inodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) size: f64,
    pub(super) free: f64,
    pub(super) avail: f64,
    pub(super) files: f64,
    pub(super) files_free: f64,
    /// As it is mounted where we are, which may be more than on the host.
    pub(super) read_only: bool,
}

#[derive(Debug)]
pub(super) enum Verdict {
    Usage(Usage),
    Error(io::Error),
    Hangs,
    /// The scrape's own time was over before one could say that.
    NoTime,
}

type Call = dyn Fn(&Path) -> io::Result<Usage> + Send + Sync;

pub(super) fn statfs(path: &Path) -> io::Result<Usage> {
    let stat = rustix::fs::statfs(path)?;
    let block = stat.f_bsize as f64;
    Ok(Usage {
        size: stat.f_blocks as f64 * block,
        free: stat.f_bfree as f64 * block,
        avail: stat.f_bavail as f64 * block,
        files: stat.f_files as f64,
        files_free: stat.f_ffree as f64,
        read_only: stat.f_flags as u64 & rustix::fs::StatVfsMountFlags::RDONLY.bits() != 0,
    })
}

pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    call: Box<Call>,
    state: Mutex<State>,
    /// There is work, or no more use for the thread.
    work: Condvar,
    /// A call has returned.
    returned: Condvar,
}

#[derive(Default)]
struct State {
    batch: u64,
    queue: VecDeque<(usize, Arc<Path>)>,
    verdicts: Vec<Option<Verdict>>,
    open: usize,
    /// Paths of calls under way, also of earlier batches, and since when.
    in_flight: HashMap<Arc<Path>, Instant>,
    threads: usize,
    idle: usize,
    /// When a thread last took or finished a call of this batch.
    progress: Option<Instant>,
    closed: bool,
}

impl Pool {
    pub(super) fn new(call: impl Fn(&Path) -> io::Result<Usage> + Send + Sync + 'static) -> Self {
        let shared = Shared {
            call: Box::new(call),
            state: Mutex::default(),
            work: Condvar::new(),
            returned: Condvar::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A verdict for each mount, after `patience` at the latest, which may be less than the `full` time that a mount has
    /// before it is said to hang.
    pub(super) fn ask(&mut self, mounts: &[Mount], patience: Duration, full: Duration) -> Vec<Verdict> {
        let deadline = Instant::now() + patience;
        let at_once = |mount: &Mount| mount.answers_at_once().then(|| self.shared.call(&mount.path));
        let answered: Vec<_> = mounts.iter().map(at_once).collect();
        let mut state = self.shared.lock();
        state.batch += 1;
        state.queue.clear();
        state.verdicts.clear();
        state.verdicts.extend(answered);
        for (at, mount) in mounts.iter().enumerate() {
            if state.verdicts[at].is_none() && !state.in_flight.contains_key(&mount.path) {
                state.queue.push_back((at, mount.path.clone()));
            }
        }
        state.open = state.queue.len();
        state.progress = Some(Instant::now());
        if state.open > 0 {
            self.employ(&mut state);
        }
        while state.open > 0 {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            let stalled = state.progress.is_some_and(|at| now.saturating_duration_since(at) >= STALL);
            if stalled && !state.queue.is_empty() {
                state.progress = Some(now);
                self.employ(&mut state);
            }
            let wait = STALL.min(deadline - now);
            state = self.shared.returned.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.queue.clear();
        // What returns after this belongs to no batch.
        state.batch += 1;
        let state = &mut *state;
        let in_flight = &state.in_flight;
        let judge = |(verdict, mount): (Option<Verdict>, &Mount)| {
            let hangs = patience >= full
                || in_flight.get(&mount.path).is_some_and(|since| since.elapsed() >= HANGS.min(full));
            verdict.unwrap_or(if hangs { Verdict::Hangs } else { Verdict::NoTime })
        };
        state.verdicts.drain(..).zip(mounts).map(judge).collect()
    }

    /// Sets one more thread to work, a waiting one if there is any.
    fn employ(&self, state: &mut State) {
        if state.idle > 0 {
            self.shared.work.notify_one();
        } else if state.threads < MAX_THREADS {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("statfs".to_owned()).stack_size(STACK);
            if thread.spawn(move || shared.work()).is_ok() {
                state.threads += 1;
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, path: &Path) -> Verdict {
        match (self.call)(path) {
            Ok(usage) => Verdict::Usage(usage),
            Err(error) => Verdict::Error(error),
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if state.closed {
                break;
            }
            let Some((at, path)) = state.queue.pop_front() else {
                // One thread waits for the next scrape; those that a stall called in are not needed any more.
                if state.idle > 0 {
                    break;
                }
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            let batch = state.batch;
            state.in_flight.insert(path.clone(), Instant::now());
            state.progress = Some(Instant::now());
            drop(state);
            let verdict = self.call(&path);
            state = self.lock();
            state.in_flight.remove(&path);
            if state.batch == batch {
                state.progress = Some(Instant::now());
                state.verdicts[at] = Some(verdict);
                state.open -= 1;
                if state.open == 0 {
                    self.returned.notify_all();
                }
            }
        }
        state.threads -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const USAGE: Usage =
        Usage { size: 1.0, free: 1.0, avail: 1.0, files: 1.0, files_free: 1.0, read_only: false };

    fn mounts(points: &[&str]) -> Vec<Mount> {
        let mount = |point: &&str| {
            let line = format!("1 0 8:1 / {point} rw - nfs4 a rw\n");
            super::super::mounts::parse(line.as_bytes(), Path::new("/")).unwrap().remove(0)
        };
        points.iter().map(mount).collect()
    }

    /// A pool whose calls on paths with `hang` in them return when told so. Each call is reported.
    fn pool() -> (Pool, Receiver<String>, Sender<()>) {
        let (asked, log) = channel();
        let (release, gate) = channel::<()>();
        let (asked, gate) = (Mutex::new(asked), Mutex::new(gate));
        let pool = Pool::new(move |path| {
            let path = path.to_str().unwrap();
            asked.lock().unwrap().send(path.to_owned()).unwrap();
            match path {
                path if path.contains("hang") => {
                    let _ = gate.lock().unwrap().recv();
                }
                path if path.contains("bad") => return Err(io::Error::from_raw_os_error(13)),
                _ => {}
            }
            Ok(USAGE)
        });
        (pool, log, release)
    }

    fn brief(verdicts: &[Verdict]) -> String {
        verdicts
            .iter()
            .map(|verdict| match verdict {
                Verdict::Usage(_) => 'u',
                Verdict::Error(_) => 'e',
                Verdict::Hangs => 'h',
                Verdict::NoTime => '-',
            })
            .collect()
    }

    const SOON: Duration = Duration::from_millis(400);

    fn ask(pool: &mut Pool, mounts: &[Mount]) -> String {
        brief(&pool.ask(mounts, SOON, SOON))
    }

    #[test]
    fn without_time_nobody_is_said_to_hang_before_it_does() {
        let (mut pool, log, _release) = pool();
        let all = mounts(&["/hang"]);
        assert_eq!(brief(&pool.ask(&all, Duration::ZERO, SOON)), "-");
        let patience = Instant::now() + Duration::from_secs(10);
        while brief(&pool.ask(&all, Duration::from_millis(5), SOON)) != "h" {
            assert!(Instant::now() < patience, "it hangs by now");
        }
        assert_eq!(log.try_iter().collect::<Vec<_>>(), ["/hang"]);
    }

    #[test]
    fn a_mount_that_hangs_costs_only_itself_and_is_not_asked_twice() {
        let (mut pool, log, release) = pool();
        let all = mounts(&["/a", "/hang", "/bad", "/b"]);
        assert_eq!(ask(&mut pool, &all), "uheu");
        let started = Instant::now();
        assert_eq!(ask(&mut pool, &all), "uheu");
        assert!(started.elapsed() < Duration::from_millis(300), "no wait for a call that hangs since before");
        let asked: Vec<_> = log.try_iter().collect();
        assert_eq!(asked.iter().filter(|path| *path == "/hang").count(), 1, "{asked:?}");

        drop(release);
        let patience = Instant::now() + Duration::from_secs(10);
        while ask(&mut pool, &all) != "uueu" {
            assert!(Instant::now() < patience, "a mount that answers again is asked again");
        }
    }

    #[test]
    fn all_hang() {
        let (mut pool, _log, _release) = pool();
        assert_eq!(ask(&mut pool, &mounts(&["/hang1", "/hang2"])), "hh");
        assert_eq!(ask(&mut pool, &[]), "");
    }

    #[test]
    fn threads_do_not_pile_up() {
        let (mut pool, _log, release) = pool();
        let all = mounts(&["/a", "/hang", "/b"]);
        ask(&mut pool, &all);
        drop(release);
        for _ in 0..3 {
            ask(&mut pool, &all);
        }
        let patience = Instant::now() + Duration::from_secs(10);
        while pool.shared.lock().threads > 1 {
            assert!(Instant::now() < patience);
            std::thread::yield_now();
        }
    }
}

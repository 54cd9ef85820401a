//! A way to Docker's socket that can be cut, held up and counted.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Result, wait};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const ENGINE: &str = "/var/run/docker.sock";

#[derive(Default)]
struct State {
    held: AtomicBool,
    calls: AtomicUsize,
    open: Mutex<Vec<UnixStream>>,
}

impl State {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<UnixStream>> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) struct Proxy {
    state: Arc<State>,
    path: PathBuf,
    _dir: TempDir,
}

impl Proxy {
    pub(crate) fn start() -> Result<Self> {
        let dir = TempDir::new()?;
        let path = dir.path().join("docker.sock");
        let listener = UnixListener::bind(&path)?;
        let state = Arc::new(State::default());
        let shared = state.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                shared.calls.fetch_add(1, Ordering::SeqCst);
                let Ok(engine) = UnixStream::connect(ENGINE) else { continue };
                let ends = [client.try_clone(), client.try_clone(), engine.try_clone(), engine.try_clone()];
                let [Ok(a), Ok(b), Ok(c), Ok(d)] = ends else { continue };
                shared.open().extend([client, engine]);
                let (one, other) = (shared.clone(), shared.clone());
                std::thread::spawn(move || pass(a, c, &one));
                std::thread::spawn(move || pass(d, b, &other));
            }
        });
        Ok(Self { state, path, _dir: dir })
    }

    pub(crate) fn flag(&self) -> String {
        format!("--endpoint=unix://{}", self.path.display())
    }

    /// From now on nothing passes, and no connection ends: as with a daemon that is stopped.
    pub(crate) fn hold(&self) {
        self.state.held.store(true, Ordering::SeqCst);
    }

    /// Ends all connections; new ones pass.
    pub(crate) fn cut(&self) {
        self.state.held.store(false, Ordering::SeqCst);
        for end in self.state.open().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, state: &State) {
    let mut chunk = [0; 16384];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let _ = wait::until("the way to be free", wait::LONG * 5, || {
            if state.held.load(Ordering::SeqCst) { Err(exporter_testkit::Error::new("held")) } else { Ok(()) }
        });
        if to.write_all(&chunk[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

//! `container-exporter meta`: the only process that needs the engine's socket. It asks what the list of allowed requests
//! says, keeps what is harmless, and tells it to whoever connects to its own socket, one JSON message a line.

use exporter_core::{ConfigError, Flag, Settings, memory};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, broadcast};

use crate::cache::Cache;
use crate::engine::{Watch, watch};
use crate::model::{Change, News};
use crate::options::{self, DEFAULT_SOCKET};

/// Exporters that may listen at once.
const MAX_CLIENTS: usize = 16;
/// News that one listener may lag behind before it has to begin anew.
const BACKLOG: usize = 1024;
const HEALTH: Duration = Duration::from_secs(4);
/// A listener that takes nothing for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(30);

fn flags() -> Vec<Flag> {
    let mut flags = vec![
        Flag::value("socket", DEFAULT_SOCKET, "Where the exporter connects."),
        Flag::value("log.level", "info", "debug, info, warn or error."),
        Flag::value("log.format", "logfmt", "logfmt or json."),
    ];
    flags.extend(options::engine_flags());
    flags
}

/// Runs until a signal; the arguments are `--flag=value`. With `health` before them it asks the one that runs.
///
/// # Errors
/// An unknown flag, or a socket that cannot be made.
pub fn meta(arguments: &[String]) -> Result<String, ConfigError> {
    let flags = flags();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(help(&flags));
    }
    if let [check, rest @ ..] = arguments
        && check == "health"
    {
        let settings = Settings::new(&flags, &[], given(rest)?)?;
        let socket = settings.text("socket");
        return health(socket).map_err(|error| ConfigError::new(format!("{socket}: {error}")));
    }
    let settings = Settings::new(&flags, &[], given(arguments)?)?;
    exporter_core::log::init(settings.text("log.level"), settings.text("log.format"))?;
    let watches = options::watches(&settings)?;
    let max_containers = settings.number("max-containers")?;
    let socket = PathBuf::from(settings.text("socket"));
    let failed = |error: std::io::Error| ConfigError::new(format!("{}: {error}", socket.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(serve(&socket, watches, max_containers)).map_err(failed)?;
    let _ = std::fs::remove_file(&socket);
    Ok(String::new())
}

/// Whether somebody tells at this socket; how the engines fare stands on the exporter's page.
fn health(socket: &str) -> std::io::Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(HEALTH))?;
    stream.read_exact(&mut [0])?;
    Ok(String::new())
}

fn given(arguments: &[String]) -> Result<Vec<(String, String)>, ConfigError> {
    let mut given = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(flag) = argument.strip_prefix("--") else {
            return Err(ConfigError::new(format!("meta: {argument:?} is no flag; meta --help lists them")));
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, rest.next().cloned()),
        };
        let value = value.ok_or_else(|| ConfigError::new(format!("meta: --{name} needs a value")))?;
        given.push((name.to_owned(), value));
    }
    Ok(given)
}

fn help(flags: &[Flag]) -> String {
    let mut text = "Asks container engines and tells exporters what is harmless, over a socket of its own.\n\
        With `health` before the flags: asks the one that runs, and exits with 0 if it answers.\n\n"
        .to_owned();
    for flag in flags {
        text += &format!("  --{} (default {:?})\n      {}\n", flag.name(), flag.default(), flag.help());
    }
    text
}

async fn serve(socket: &Path, watches: Vec<Watch>, max_containers: usize) -> std::io::Result<()> {
    let listener = bind(socket).await?;
    let cache = Cache::new(Duration::ZERO, max_containers);
    let (sender, _) = broadcast::channel::<Arc<[u8]>>(BACKLOG);
    for one in watches {
        cache.expect(&one.endpoint);
        let (cache, sender) = (cache.clone(), sender.clone());
        tokio::spawn(watch(one, move |news| {
            tell(&news, &cache, &sender);
            true
        }));
    }
    tracing::info!(socket = %socket.display(), "listening");
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!("too many listeners; one was turned away");
            continue;
        };
        // Subscribed before the state is read, both without a pause between: nothing is missed, nothing comes twice.
        let news = sender.subscribe();
        let state = cache.lock().as_news();
        tokio::spawn(async move {
            let _ = tell_all(stream, &state, news).await;
            drop(place);
        });
    }
}

fn tell(news: &News, cache: &Cache, sender: &broadcast::Sender<Arc<[u8]>>) {
    cache.apply(news.clone());
    // Asking takes more memory and code than waiting for events, which is what follows these.
    if matches!(news.change, Change::Up(_) | Change::Down | Change::Alive) {
        memory::give_back();
    }
    if sender.receiver_count() > 0
        && let Ok(line) = line(news)
    {
        let _ = sender.send(line.into());
    }
}

fn line(news: &News) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(news)?;
    line.push(b'\n');
    Ok(line)
}

async fn tell_all(
    mut stream: UnixStream,
    state: &[News],
    mut news: broadcast::Receiver<Arc<[u8]>>,
) -> std::io::Result<()> {
    for one in state {
        write(&mut stream, &line(one)?).await?;
    }
    loop {
        // Too far behind: the connection ends, and the listener begins anew with the whole state.
        let line = news.recv().await.map_err(std::io::Error::other)?;
        write(&mut stream, &line).await?;
    }
}

async fn write(stream: &mut UnixStream, line: &[u8]) -> std::io::Result<()> {
    tokio::time::timeout(PATIENCE, stream.write_all(line)).await.map_err(|_| std::io::ErrorKind::TimedOut)?
}

/// A socket for everybody who can reach its folder: it tells nothing secret, and the exporter is nobody.
async fn bind(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let left_over = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if left_over && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_its_own() {
        let words = |text: &[&str]| text.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let given = given(&words(&["--socket=/a", "--endpoint", "/b"])).unwrap();
        assert_eq!(given, [("socket".into(), "/a".into()), ("endpoint".into(), "/b".to_owned())]);
        assert!(super::given(&words(&["x"])).is_err());
        assert!(super::given(&words(&["--socket"])).is_err());
        assert!(meta(&words(&["--nope=1"])).unwrap_err().to_string().contains("nope"));
        assert!(meta(&words(&["--help"])).unwrap().contains("--endpoint"));
    }
}

//! Who brings the news: engines asked directly, or the process that alone may ask them. Runs on a thread of its own, so
//! that no engine can hold up a scrape.

use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;

use crate::cache::{Cache, WeakCache};
use crate::engine::{Watch, watch};
use crate::labels::Allowed;
use crate::model::{Change, News};

/// No message is larger: 1,000 containers with all their labels.
const MAX_LINE: u64 = 64 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Where news come from.
#[derive(Clone, Debug)]
pub(crate) enum Feed {
    Engines(Vec<Watch>),
    Meta { socket: PathBuf, labels: Allowed },
}

/// Starts bringing news; ends by itself when nobody holds the cache any more.
pub(crate) fn start(feed: Feed, cache: &Cache) -> std::io::Result<()> {
    if let Feed::Engines(watches) = &feed {
        for watch in watches {
            cache.expect(&watch.endpoint);
        }
    }
    let cache = cache.downgrade();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("engines".to_owned()).spawn(move || {
        runtime.block_on(run(feed, cache));
    })?;
    Ok(())
}

async fn run(feed: Feed, cache: WeakCache) {
    match feed {
        Feed::Engines(watches) => {
            let tasks: Vec<_> = watches
                .into_iter()
                .map(|one| {
                    let cache = cache.clone();
                    tokio::spawn(watch(one, move |news| {
                        cache.upgrade().map(|cache| cache.apply(news)).is_some()
                    }))
                })
                .collect();
            for task in tasks {
                let _ = task.await;
            }
        }
        Feed::Meta { socket, labels } => listen(socket, labels, cache).await,
    }
}

async fn listen(socket: PathBuf, labels: Allowed, cache: WeakCache) {
    let mut pause = FIRST_PAUSE;
    let mut said = String::new();
    loop {
        let error = match UnixStream::connect(&socket).await {
            Ok(stream) => {
                tracing::info!(socket = %socket.display(), "connected");
                (pause, said) = (FIRST_PAUSE, String::new());
                let Some(error) = follow(stream, &labels, &cache).await else { return };
                error
            }
            Err(error) => error,
        };
        let Some(strong) = cache.upgrade() else { return };
        strong.lost();
        drop(strong);
        let text = error.to_string();
        if text != said {
            tracing::warn!(socket = %socket.display(), error = text, "no metadata; is `container-exporter meta` running?");
            said = text;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Takes news until the connection ends; `None` when nobody listens any more.
async fn follow(stream: UnixStream, labels: &Allowed, cache: &WeakCache) -> Option<std::io::Error> {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        // The first message is by far the largest.
        line.shrink_to(64 << 10);
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) => return Some(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) => return Some(error),
        }
        let mut news: News = match serde_json::from_slice(&line) {
            Ok(news) => news,
            Err(error) => return Some(std::io::Error::other(format!("not a message of ours: {error}"))),
        };
        match &mut news.change {
            Change::Reset(all) => all.iter_mut().for_each(|one| labels.trim(one)),
            Change::Put(one) => labels.trim(one),
            _ => {}
        }
        cache.upgrade()?.apply(news);
    }
}

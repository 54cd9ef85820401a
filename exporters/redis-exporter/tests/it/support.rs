//! Private servers and pages of our own exporter.

use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::{Exporter, Filter, Registry, Settings};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::{self, Process};
use exporter_testkit::{Error, Result, tools, wait};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) const REDIS_6: &str = "redis-server-6";
pub(crate) const REDIS_7: &str = "redis-server-7";
pub(crate) const REDIS_8: &str = "redis-server-8";
pub(crate) const VALKEY: &str = "valkey-server";
pub(crate) const ALL: [&str; 3] = [REDIS_7, REDIS_8, VALKEY];
/// With the oldest, which has no histograms and takes one name by CONFIG GET.
pub(crate) const WITH_OLD: [&str; 4] = [REDIS_6, REDIS_7, REDIS_8, VALKEY];

static EXPORTER: &Exporter = &redis_exporter::EXPORTER;

/// A server with a folder and a port of its own, ended with its value.
pub(crate) struct Redis {
    pub(crate) process: Process,
    pub(crate) port: Port,
    program: &'static str,
    args: Vec<String>,
    _dir: TempDir,
}

impl Redis {
    pub(crate) fn start(program: &'static str, args: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let dir = TempDir::new()?;
        let mut all: Vec<String> = ["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning", "--dir"]
            .map(str::to_owned)
            .to_vec();
        all.push(dir.path().display().to_string());
        if program != REDIS_6 {
            all.extend(["--enable-debug-command".to_owned(), "yes".to_owned()]);
        }
        if !args.contains(&"--port") {
            all.extend(["--port".to_owned(), port.to_string()]);
        }
        all.extend(args.iter().map(|arg| arg.replace("PORT", &port.to_string())));
        let process = spawn(program, &all)?;
        let mut server = Self { process, port, program, args: all, _dir: dir };
        server.wait()?;
        Ok(server)
    }

    /// The same program as a sentinel.
    pub(crate) fn sentinel(program: &'static str, config: &std::path::Path) -> Result<Self> {
        let port = ports::free()?;
        let dir = TempDir::new()?;
        let args = [&config.display().to_string(), "--sentinel", "--port", &port.to_string()]
            .map(str::to_owned)
            .to_vec();
        let process = spawn(program, &args)?;
        let mut server = Self { process, port, program, args, _dir: dir };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result {
        let address = self.port.address();
        self.process.until("the server to listen", wait::LONG, || {
            std::net::TcpStream::connect(&address)?;
            Ok(())
        })
    }

    /// Ends it and starts it again at the same place.
    pub(crate) fn restart(&mut self) -> Result {
        self.process.stop()?;
        self.process = spawn(self.program, &self.args)?;
        self.wait()
    }

    pub(crate) fn address(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    /// A client with the redis crate's own blocking connection.
    pub(crate) fn client(&self) -> redis::Connection {
        use redis::IntoConnectionInfo as _;
        // What the library says of itself is an error to Redis 7.0, and errors are what tests count.
        let info = self.address().into_connection_info().unwrap();
        let quiet = info.redis_settings().clone().set_skip_set_lib_name();
        let client = redis::Client::open(info.set_redis_settings(quiet)).unwrap();
        wait::until("a connection", wait::LONG, || {
            client.get_connection().map_err(|error| Error::new(error.to_string()))
        })
        .unwrap()
    }

    /// Runs a command, given as words.
    pub(crate) fn run(&self, command: &str) -> redis::RedisResult<redis::Value> {
        run(&mut self.client(), command)
    }
}

fn spawn(program: &str, args: &[String]) -> Result<Process> {
    Process::spawn(Command::new(tools::path(program)?).args(args))
}

/// Runs a command, given as words.
pub(crate) fn run(client: &mut redis::Connection, command: &str) -> redis::RedisResult<redis::Value> {
    let mut words = command.split(' ');
    let mut cmd = redis::cmd(words.next().unwrap());
    for word in words {
        cmd.arg(word);
    }
    cmd.query(client)
}

/// Our exporter, without its HTTP server.
pub(crate) struct Ours {
    registry: Registry,
    runtime: tokio::runtime::Runtime,
}

impl Ours {
    pub(crate) fn new(flags: &[(&str, &str)]) -> Self {
        let given = flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), given).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let registry = Registry::new(EXPORTER.namespace, (EXPORTER.sources)(&settings).unwrap()).unwrap();
        Self { registry, runtime }
    }

    pub(crate) fn of(server: &Redis) -> Self {
        Self::new(&[("redis.addr", &server.address())])
    }

    /// One page, within ten seconds.
    pub(crate) fn page(&self) -> Page {
        self.page_within(Duration::from_secs(10))
    }

    pub(crate) fn page_within(&self, budget: Duration) -> Page {
        let began = Instant::now();
        let text = self.runtime.block_on(async {
            let filter = Filter::default();
            let collected = self.registry.collect(&filter, began + budget).await;
            let mut text = Vec::new();
            collected.write(&[], Options::new(Format::Text), &mut Assembly::new(), &mut text);
            String::from_utf8(text).unwrap()
        });
        Page { text, took: began.elapsed() }
    }
}

/// A page as text.
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) took: Duration,
}

impl Page {
    /// The value of the only series that begins so.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let mut found = self.text.lines().filter_map(|line| {
            let rest = line.strip_prefix(series)?;
            rest.strip_prefix([' ', '{'])?.rsplit(' ').next()?.parse().ok()
        });
        let value = found.next();
        assert!(found.next().is_none(), "{series} has more than one series:\n{}", self.text);
        value
    }

    /// What it says went wrong.
    pub(crate) fn error(&self) -> String {
        let line = self.text.lines().find(|line| line.starts_with("redis_exporter_last_scrape_error{"));
        line.unwrap_or_default().split('"').nth(1).unwrap_or_default().to_owned()
    }

    pub(crate) fn success(&self, collector: &str) -> Option<f64> {
        self.value(&format!("redis_scrape_collector_success{{collector=\"{collector}\"}}"))
    }
}

/// A page of the peer, asked twice so that its own commands are in the statistics.
pub(crate) struct Peer {
    process: Process,
    url: String,
    _port: Port,
}

impl Peer {
    pub(crate) fn start(server: &Redis, args: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let mut command = Command::new(tools::path("redis_exporter")?);
        command.arg(format!("-redis.addr={}", server.address()));
        command.arg(format!("-web.listen-address={}", port.address())).args(args);
        let process = Process::spawn(&mut command)?;
        let url = format!("http://{}/metrics", port.address());
        let mut peer = Self { process, url, _port: port };
        peer.page()?;
        Ok(peer)
    }

    /// What it answers at another path.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let url = self.url.replace("/metrics", path);
        Ok(exporter_testkit::http::get(&url, &[])?.text())
    }

    pub(crate) fn page(&mut self) -> Result<String> {
        let url = self.url.clone();
        Ok(self.process.wait_http(&url, wait::LONG)?.text())
    }
}

/// Makes a certificate authority, a server's certificate for localhost and its key.
pub(crate) fn certificates() -> Result<TempDir> {
    let dir = TempDir::new()?;
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt \
         && openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr \
         && printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' > ext \
         && openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.crt \
         && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other-ca -keyout other.key -out other.crt";
    process::run(Command::new("sh").args(["-c", script]).current_dir(dir.path()), wait::LONG)?;
    Ok(dir)
}

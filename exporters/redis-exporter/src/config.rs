//! The peer's flags, and a few of our own.

use exporter_core::{ConfigError, Flag, Lookups, Settings};
use std::time::Duration;

use crate::connect::Access;
use crate::login::Login;
use crate::target::Target;
use crate::tls::Tls;

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(
        "redis.addr",
        "redis://localhost:6379",
        "Server: redis://, rediss://, valkey://, unix://; empty for /scrape only.",
    ),
    Flag::value("redis.user", "", "User of an ACL."),
    Flag::value("redis.password", "", "Password; better in a file."),
    Flag::value(
        "redis.password-file",
        "",
        "File with the password, or with a JSON object from addresses to passwords.",
    )
    .file(),
    Flag::value(
        "connection-timeout",
        "3s",
        "Longest wait for one answer; a scrape's own deadline comes first.",
    ),
    Flag::switch("set-client-name", true, "Name our connections redis_exporter."),
    Flag::switch("ping-on-connect", false, "Measure a PING at each scrape."),
    Flag::value("config-command", "CONFIG", "What CONFIG is called; - to do without."),
    Flag::value("namespace", "redis", "Fixed: names begin with redis."),
    Flag::value("tls-client-cert-file", "", "Certificate to show to the server.").file(),
    Flag::value("tls-client-key-file", "", "Its key.").file(),
    Flag::value("tls-ca-cert-file", "", "Certificates to trust instead of the system's.").file(),
    Flag::value("tls-server-name", "", "Name the server's certificate must have, if not the host's."),
    Flag::switch("skip-tls-verification", false, "Take any certificate."),
    Flag::value(
        "check-keys",
        "",
        "Patterns, dbN=PATTERN,...: size, value and memory of the keys that match.",
    ),
    Flag::value("check-single-keys", "", "Keys, dbN=KEY,...: the same without a search."),
    Flag::value("count-keys", "", "Patterns, dbN=PATTERN,...: how many keys match."),
    Flag::value("check-keys-batch-size", "1000", "Keys in one step of a search."),
    Flag::value(
        "check-key-groups",
        "",
        "Patterns of Lua, PATTERN,...: keys and memory of all keys, grouped by what the first that fits captures.",
    ),
    Flag::value("max-distinct-key-groups", "100", "Groups shown of a database; the smaller ones are one."),
    Flag::value("script", "", "Files with Lua scripts, FILE,..., that return names and numbers."),
    Flag::switch("lua-script-read-only", false, "Run scripts by EVAL_RO, which cannot write (Redis 7)."),
    Flag::switch(
        "check-keys-ages",
        false,
        "Time to live of the keys that are looked at, and from Redis 7.2 on how long nobody used them.",
    ),
    Flag::value("check-streams", "", "Patterns of streams, dbN=PATTERN,..."),
    Flag::value("check-single-streams", "", "Streams, dbN=KEY,..."),
    Flag::switch("streams-exclude-consumer-metrics", false, "Leave single consumers out."),
    Flag::switch("disable-exporting-key-values", false, "Leave the values of keys out."),
    Flag::switch("skip-checkkeys-for-role-master", false, "Look at keys on replicas only."),
    Flag::switch("include-system-metrics", true, "The host's memory, as the server sees it."),
    Flag::switch("include-config-metrics", false, "All of CONFIG GET."),
    Flag::switch("redact-config-metrics", true, "Leave secrets of the configuration out; always so."),
    Flag::switch("exclude-latency-histogram-metrics", false, "Leave the histograms by command out."),
    Flag::switch("export-client-list", false, "One series a client; they are many."),
    Flag::switch("export-client-port", false, "With the client's port."),
    Flag::switch("include-modules-metrics", false, "Modules and their fields."),
    Flag::switch("include-sentinel-peer-info", false, "The other sentinels."),
    Flag::switch("include-metrics-for-empty-databases", true, "Databases without keys too."),
    Flag::switch(
        "include-rdb-file-size-metric",
        false,
        "Size of the server's dump, which must be a file of this host.",
    ),
    Flag::switch(
        "include-unmapped-info-fields",
        false,
        "Numbers of INFO that no family has, as redis_info_*.",
    ),
    Flag::switch("is-cluster", false, "Look for keys and queues on all masters of the cluster."),
    Flag::switch(
        "cluster-discover-hostnames",
        false,
        "/discover-cluster-nodes tells names where nodes have some.",
    ),
    Flag::switch("is-tile38", false, "The server is a Tile38."),
    Flag::switch("disable-scrape-endpoint", false, "Do not answer /scrape?target=."),
    Flag::list(
        "scrape.allowed-target",
        "Who may be asked by /scrape: name, *.domain or network, with :PORT.",
    ),
    Flag::value(
        "scan-budget",
        "200ms",
        "Time for searching keys in one scrape; the search goes on in the next.",
    ),
    Flag::value("max-checked-keys", "10000", "Keys shown of all patterns together; more are counted only."),
    Flag::list("queue", "A queue, KIND:[dbN=]NAME; kinds: list, set, zset, stream, rq, bullmq, sidekiq."),
    Flag::list(
        "heartbeat",
        "string:KEY, hash/FIELD:KEY, zset:KEY or ttl/SECONDS:KEY; a * in KEY is the agent's name.",
    ),
    Flag::value("celery.queues", "", "Celery's queues, NAME,..."),
    Flag::switch("celery.discover", false, "Look for Celery's queues in kombu's bindings."),
    Flag::switch("celery.workers", false, "Listen to the heartbeats of Celery's workers."),
    Flag::value(
        "celery.worker-silence",
        "8s",
        "A worker that is silent for longer is down; it beats every 2 s.",
    ),
    Flag::value("celery.db", "0", "Database of Celery's broker."),
    Flag::value("celery.key-prefix", "", "Celery's global_keyprefix."),
    Flag::value("celery.separator", "", "Celery's sep, between queue and priority; empty is its default."),
    Flag::value("celery.priority-steps", "0,3,6,9", "Celery's priority_steps."),
    // The peer has them; here they change nothing, see README.
    Flag::switch("redis-only-metrics", false, "Taken and without effect.").hidden(),
    Flag::switch("include-go-runtime-metrics", false, "Taken and without effect.").hidden(),
    Flag::switch("append-instance-role-label", false, "Not supported.").hidden(),
    Flag::switch("include-search-indexes-metrics", false, "Not supported.").hidden(),
    Flag::value("check-search-indexes", ".*", "Not supported.").hidden(),
    Flag::value("basic-auth-username", "", "Not supported.").hidden(),
    Flag::value("basic-auth-password", "", "Not supported.").hidden(),
    Flag::value("basic-auth-hash-password", "", "Not supported.").hidden(),
    Flag::value("tls-server-cert-file", "", "Not supported.").hidden(),
    Flag::value("tls-server-key-file", "", "Not supported.").hidden(),
    Flag::value("tls-server-ca-cert-file", "", "Not supported.").hidden(),
    Flag::value("tls-server-min-version", "TLS1.2", "Not supported.").hidden(),
];

/// What the peer has and we do not, each with what to do instead. To take them in silence would be to lie.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("append-instance-role-label", "join with redis_instance_info, which has the role"),
    ("include-search-indexes-metrics", "leave it out"),
    ("basic-auth-username", "protect the page with the web configuration file"),
    ("basic-auth-password", "protect the page with the web configuration file"),
    ("basic-auth-hash-password", "protect the page with the web configuration file"),
    ("tls-server-cert-file", "protect the page with the web configuration file"),
    ("tls-server-key-file", "protect the page with the web configuration file"),
    ("tls-server-ca-cert-file", "protect the page with the web configuration file"),
];

/// The settings of one instance that say what a scrape asks for.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) timeout: Duration,
    pub(crate) client_name: Option<&'static str>,
    pub(crate) ping: bool,
    /// Empty to do without.
    pub(crate) config_command: String,
    pub(crate) all_config: bool,
    pub(crate) system_metrics: bool,
    pub(crate) histograms: bool,
    pub(crate) client_port: bool,
    pub(crate) modules: bool,
    pub(crate) sentinel_peers: bool,
    pub(crate) empty_databases: bool,
    pub(crate) unmapped: bool,
    pub(crate) rdb_size: bool,
    /// Keys are grouped, so their passes have a duration.
    pub(crate) key_groups: bool,
    pub(crate) is_cluster: bool,
    pub(crate) cluster_hostnames: bool,
    pub(crate) is_tile38: bool,
}

impl Config {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        for (name, instead) in UNSUPPORTED {
            if settings.is_set(name) && !matches!(settings.text(name), "" | "false") {
                return Err(ConfigError::new(format!("--{name} is not supported: {instead}")));
            }
        }
        if settings.text("namespace") != "redis" {
            return Err(ConfigError::new(
                "--namespace: names always begin with redis; rename with metric_relabel_configs",
            ));
        }
        let on = |name| settings.switch(name);
        let config_command = settings.text("config-command");
        Ok(Self {
            timeout: settings.duration("connection-timeout")?,
            client_name: on("set-client-name").then_some("redis_exporter"),
            ping: on("ping-on-connect"),
            config_command: if config_command == "-" { String::new() } else { config_command.to_owned() },
            all_config: on("include-config-metrics"),
            system_metrics: on("include-system-metrics"),
            histograms: !on("exclude-latency-histogram-metrics"),
            client_port: on("export-client-port"),
            modules: on("include-modules-metrics"),
            sentinel_peers: on("include-sentinel-peer-info"),
            empty_databases: on("include-metrics-for-empty-databases"),
            unmapped: on("include-unmapped-info-fields"),
            rdb_size: on("include-rdb-file-size-metric"),
            key_groups: !settings.text("check-key-groups").is_empty(),
            is_cluster: on("is-cluster"),
            cluster_hostnames: on("cluster-discover-hostnames"),
            is_tile38: on("is-tile38"),
        })
    }
}

/// The way to the configured server; `None` where only `/scrape` is served.
pub(crate) fn access(settings: &Settings) -> Result<Option<Access>, ConfigError> {
    let address = settings.text("redis.addr");
    if address.is_empty() {
        return Ok(None);
    }
    Ok(Some(Access {
        target: Target::parse(address)?,
        login: Login::new(settings)?,
        tls: Tls::new(settings)?,
        policy: None,
        lookups: Lookups::default(),
    }))
}

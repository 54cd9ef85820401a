//! redis_exporter's command line and environment, in our words. Go's `flag` takes `-name=value` with one dash and
//! `-switch=false`, and the peer's variables follow a rule of their own.

use exporter_core::Flag;
use std::ffi::OsString;

/// Flags the core names differently, and how values change.
const RENAMED: [(&str, &str); 2] = [("log-level", "log.level"), ("log-format", "log.format")];

/// Variables that do not follow the rule.
const VARIABLES: [(&str, &str); 4] = [
    ("REDIS_ADDR", "redis.addr"),
    ("REDIS_USER", "redis.user"),
    ("REDIS_PASSWORD", "redis.password"),
    ("REDIS_PASSWORD_FILE", "redis.password-file"),
];
const DEBUG: (&str, &str) = ("REDIS_EXPORTER_DEBUG", "debug");

/// Flags of the core that the peer has too.
const COMMON: [&str; 3] = ["web.listen-address", "web.telemetry-path", "debug"];

/// The peer's arguments as ours, with its environment before them, so that flags win.
pub fn arguments(
    given: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<OsString> {
    let flags = crate::config::FLAGS;
    let mut given = given.into_iter();
    let mut out: Vec<OsString> = given.next().into_iter().collect();
    for (name, flag) in VARIABLES.into_iter().chain([DEBUG]) {
        if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
            push(&mut out, flags, flag, Some(&value), true);
        }
    }
    for flag in flags.iter().map(Flag::name).chain(RENAMED.map(|(peer, _)| peer)) {
        // `REDIS_EXPORTER_INCL_...`; what has no `include` is found by the core itself.
        let upper = flag.replace(['.', '-'], "_").to_uppercase();
        let short = upper.strip_prefix("INCLUDE_").map(|rest| format!("INCL_{rest}"));
        let renamed = RENAMED.iter().any(|(peer, _)| *peer == flag).then(|| upper.clone());
        for name in short.into_iter().chain(renamed) {
            if let Some(value) = variable(&format!("REDIS_EXPORTER_{name}")) {
                push(&mut out, flags, flag, Some(&value), true);
            }
        }
    }
    while let Some(argument) = given.next() {
        let Some(text) = argument.to_str().filter(|text| text.starts_with('-')) else {
            out.push(argument);
            continue;
        };
        let bare = text.trim_start_matches('-');
        let (name, value) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
        if is_known(flags, name) {
            // Its value may be the next word, and is translated as well.
            let next = if value.is_none() && is_renamed(name) { given.next() } else { None };
            let next = next.as_ref().map(|next| next.to_string_lossy());
            push(&mut out, flags, name, value.or(next.as_deref()), false);
        } else if let ("version" | "help" | "h", None) = (name, value) {
            out.push(format!("--{}", if name == "h" { "help" } else { name }).into());
        } else {
            out.push(argument);
        }
    }
    out
}

/// What the environment sets, as settings: for the all-in-one, whose command line is not the peer's.
pub(crate) fn environment(variable: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut set = |flag: &Flag, value: String| {
        let value = match value.to_ascii_lowercase().as_str() {
            _ if !flag.is_switch() => value,
            "true" | "1" | "t" => "true".to_owned(),
            "false" | "0" | "f" => "false".to_owned(),
            // As the peer: one that makes no sense keeps the default.
            _ => return,
        };
        settings.push((flag.name().to_owned(), value));
    };
    for flag in crate::config::FLAGS {
        let upper = flag.name().replace(['.', '-'], "_").to_uppercase();
        let short = upper.strip_prefix("INCLUDE_").map(|rest| format!("REDIS_EXPORTER_INCL_{rest}"));
        let own = VARIABLES.iter().filter(|(_, name)| *name == flag.name()).map(|(own, _)| (*own).to_owned());
        let mut names = own.chain(short).chain([format!("REDIS_EXPORTER_{upper}")]);
        if let Some(value) = names.find_map(|name| variable(&name).filter(|value| !value.is_empty())) {
            set(flag, value);
        }
    }
    settings
}

fn is_known(flags: &[Flag], name: &str) -> bool {
    flags.iter().any(|flag| flag.name() == name) || COMMON.contains(&name) || is_renamed(name)
}

fn is_renamed(name: &str) -> bool {
    RENAMED.iter().any(|(peer, _)| *peer == name)
}

fn push(out: &mut Vec<OsString>, flags: &[Flag], name: &str, value: Option<&str>, lenient: bool) {
    let is_switch = name == "debug" || flags.iter().any(|flag| flag.name() == name && flag.is_switch());
    if is_switch {
        match value.map(str::to_ascii_lowercase).as_deref() {
            None | Some("true" | "1" | "t") => out.push(if name == "debug" {
                "--log.level=debug".into()
            } else {
                format!("--{name}").into()
            }),
            Some("false" | "0" | "f") if name == "debug" => {}
            Some("false" | "0" | "f") => out.push(format!("--no-{name}").into()),
            // As the peer: a variable that makes no sense keeps the default.
            Some(_) if lenient => {}
            Some(other) => out.push(format!("--{name}={other}").into()),
        }
        return;
    }
    let name = RENAMED.iter().find(|(peer, _)| *peer == name).map_or(name, |(_, ours)| ours);
    let value = value.map(|value| match (name, value) {
        ("log.format", "txt") => "logfmt".to_owned(),
        ("log.level", _) if value.eq_ignore_ascii_case("warning") => "warn".to_owned(),
        _ => value.to_owned(),
    });
    out.push(value.map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}")).into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(given: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
        let given = ["redis-exporter"].iter().chain(given).map(OsString::from);
        let variable = |name: &str| {
            environment.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        };
        let out = arguments(given, variable);
        out.into_iter().skip(1).map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn one_dash_or_two() {
        assert_eq!(
            translated(&["-redis.addr=redis://h", "-redis.user", "joe", "--check-keys=a*", "-debug"], &[]),
            ["--redis.addr=redis://h", "--redis.user", "joe", "--check-keys=a*", "--log.level=debug"]
        );
    }

    #[test]
    fn values_that_are_translated_may_be_words_of_their_own() {
        assert_eq!(
            translated(&["-log-format", "txt", "-log-level", "WARNING", "-log-format=json", "-debug"], &[]),
            ["--log.format=logfmt", "--log.level=warn", "--log.format=json", "--log.level=debug"]
        );
        assert_eq!(translated(&["-version"], &[]), ["--version"]);
        assert_eq!(translated(&["-help", "-log-level"], &[]), ["--help", "--log.level"]);
    }

    #[test]
    fn switches_with_values() {
        assert_eq!(
            translated(&["-is-cluster=true", "-set-client-name=false", "-include-system-metrics"], &[]),
            ["--is-cluster", "--no-set-client-name", "--include-system-metrics"]
        );
    }

    #[test]
    fn environment_comes_first() {
        assert_eq!(
            translated(
                &["-redis.addr=redis://flag"],
                &[
                    ("REDIS_ADDR", "redis://env"),
                    ("REDIS_EXPORTER_INCL_CONFIG_METRICS", "true"),
                    ("REDIS_EXPORTER_INCL_MODULES_METRICS", "maybe"),
                    ("REDIS_EXPORTER_LOG_FORMAT", "txt"),
                ]
            ),
            [
                "--redis.addr=redis://env",
                "--include-config-metrics",
                "--log.format=logfmt",
                "--redis.addr=redis://flag"
            ]
        );
    }

    #[test]
    fn the_environment_as_settings() {
        let given = [
            ("REDIS_ADDR", "rediss://h"),
            ("REDIS_PASSWORD_FILE", "/run/secrets/redis"),
            ("REDIS_PASSWORD", ""),
            ("REDIS_EXPORTER_TLS_CA_CERT_FILE", "/ca.pem"),
            ("REDIS_EXPORTER_INCL_CONFIG_METRICS", "1"),
            ("REDIS_EXPORTER_IS_CLUSTER", "maybe"),
        ];
        let variable =
            |name: &str| given.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let settings = environment(variable);
        let settings: Vec<_> = settings.iter().map(|(flag, value)| (flag.as_str(), value.as_str())).collect();
        assert_eq!(
            settings,
            [
                ("redis.addr", "rediss://h"),
                ("redis.password-file", "/run/secrets/redis"),
                ("tls-ca-cert-file", "/ca.pem"),
                ("include-config-metrics", "true"),
            ]
        );
    }

    #[test]
    fn strangers_are_left_to_the_core() {
        assert_eq!(
            translated(&["-nope=1", "--version", "health", "http://x"], &[]),
            ["-nope=1", "--version", "health", "http://x"]
        );
    }
}

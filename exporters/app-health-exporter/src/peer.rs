//! What blackbox_exporter's command line has and ours says otherwise.

use std::ffi::OsString;

/// Whose place this program takes.
pub const NAME: &str = "blackbox_exporter";

/// Our command line for the peer's: `--config.check` is `check-config`, and a prefix of all paths is the path of the page,
/// since everything else is served beside it.
pub fn arguments(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut given = given.into_iter();
    let mut out: Vec<OsString> = given.next().into_iter().collect();
    let (mut check, mut prefix, mut external) = (false, None, None);
    while let Some(argument) = given.next() {
        let text = argument.to_str().unwrap_or_default();
        let flag = text.strip_prefix("--").unwrap_or_default();
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let mut value = || value.map(str::to_owned).or_else(|| given.next()?.into_string().ok());
        match name {
            "config.check" => check = true,
            "web.route-prefix" => prefix = value(),
            "web.external-url" => external = value(),
            _ => out.push(argument),
        }
    }
    let path = |url: String| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.find('/').map(|slash| rest[slash..].to_owned())
    };
    let prefix = prefix.or_else(|| external.and_then(path)).unwrap_or_default();
    let prefix = prefix.trim_matches('/');
    if !prefix.is_empty() {
        out.insert(1.min(out.len()), format!("--web.telemetry-path=/{prefix}/metrics").into());
    }
    if check {
        out.insert(1.min(out.len()), "check-config".into());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &str) -> String {
        let given = given.split(' ').map(OsString::from);
        super::arguments(given).iter().map(|text| text.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_peers_command_line() {
        for (given, expected) in [
            ("x --config.file=a --log.level debug", "x --config.file=a --log.level debug"),
            ("x --config.check --config.file=a", "x check-config --config.file=a"),
            (
                "x --web.route-prefix=/bb/ --config.file a",
                "x --web.telemetry-path=/bb/metrics --config.file a",
            ),
            ("x --web.external-url http://h:1/bb", "x --web.telemetry-path=/bb/metrics"),
            ("x --web.external-url=http://h/bb --web.route-prefix=/", "x"),
            ("x --web.external-url=http://h", "x"),
        ] {
            assert_eq!(arguments(given), expected, "{given}");
        }
    }
}
